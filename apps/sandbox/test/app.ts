import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createDockerAdapter } from '@sandbox/adapter-docker';

/** Whether SANDBOX_RUNTIMES names Docker: then it must be there. */
export const dockerIsNamed = (process.env.SANDBOX_RUNTIMES ?? '').split(',').includes('docker');

export const bin = fileURLToPath(new URL('../bin/sandbox.js', import.meta.url));

/** A label of this file's own: what it makes is told from all else, and from what other files make at the same time. */
export const scope = `${process.env.SANDBOX_SCOPE ?? 'test'}-app-${randomBytes(4).toString('hex')}`;

/** Where the program keeps its registry, gone with this test. */
export const state = mkdtempSync(path.join(tmpdir(), 'sandbox-app-state-'));
process.on('exit', () => rmSync(state, { recursive: true, force: true }));

/** A configuration without development tools, which take minutes to install. All but the tests of tools use it. */
export const withoutTools = path.join(state, 'sandbox.toml');
writeFileSync(withoutTools, '[sandbox]\ntools = false\n');

/** Names of this scope's sandboxes that the engine knows, in any state. */
export async function left(): Promise<string[]> {
  const adapter = createDockerAdapter();
  try {
    return (await adapter.list({ 'dev.sandbox.scope': scope })).map(({ name }) => name);
  } finally {
    await adapter.close();
  }
}

export interface AppResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface StartedApp {
  readonly child: ChildProcess;
  readonly result: Promise<AppResult>;
  /** Resolves with all output so far once this is in it. Fails, and says what there was instead, before the test's own time is over. */
  shows(wanted: string | RegExp): Promise<string>;
}

export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What stdin gives before it ends; without it, stdin stays open. */
  readonly input?: Readable | string;
}

/** Less than the time of a test. */
const SHOWN_WITHIN_MS = 90_000;

const ours = { NO_COLOR: '1', SANDBOX_SCOPE: scope, SANDBOX_CONFIG: withoutTools, XDG_STATE_HOME: state };

/** Starts any program with the scope of this file. */
export function start(argv: readonly string[], options: StartOptions = {}): StartedApp {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    env: { ...process.env, ...ours, ...options.env },
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A command may end without having read all of its input.
  child.stdin.on('error', () => {});
  if (typeof options.input === 'object') options.input.pipe(child.stdin);
  else if (options.input !== undefined) child.stdin.end(options.input);

  const ended = new Promise<Pick<AppResult, 'exitCode' | 'signal'>>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const result = Promise.all([ended, buffer(child.stdout), buffer(child.stderr)]).then(
    ([end, stdout, stderr]) => ({ ...end, stdout, stderr: stderr.toString() }),
  );
  let seen = '';
  const look = (chunk: Buffer) => {
    seen += chunk.toString();
    child.emit('seen');
  };
  child.stdout.on('data', look);
  child.stderr.on('data', look);
  const shows = async (wanted: string | RegExp) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const check = () => {
      if (typeof wanted === 'string' ? seen.includes(wanted) : wanted.test(seen)) resolve(seen);
    };
    const failed = (what: string) => reject(new Error(`${what} without showing ${wanted}: ${seen}`));
    const timer = setTimeout(failed, SHOWN_WITHIN_MS, `${SHOWN_WITHIN_MS} ms passed`);
    child.on('seen', check);
    result.then(() => failed('ended'), reject);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      child.off('seen', check);
    }
  };
  return { child, result, shows };
}

/**
 * A shell line on a terminal of its own. Ctrl-C goes to all that is in the foreground, this shell included: it has a trap, for without one
 * `bash` waits for its command and `dash` ends at once, and `script` takes whichever SHELL names.
 */
export const startOnTerminal = (line: string, options?: StartOptions): StartedApp =>
  start(['script', '-qec', `trap : INT; ${line}`, '/dev/null'], options);

/** The app on this Node. */
export const startApp = (words: readonly string[], options?: StartOptions) =>
  start([process.execPath, bin, ...words], options);

/** `sandbox run --runtime docker`, to its end, with an empty stdin. */
export const run = (words: readonly string[], options?: StartOptions) =>
  startApp(['run', '--runtime', 'docker', ...words], { input: '', ...options }).result;
