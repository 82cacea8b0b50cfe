import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { stateDirectory } from './captured-io.ts';

export interface ProgramResult {
  /** Null when a signal ended the program itself. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface StartedProgram {
  readonly child: ChildProcess;
  readonly result: Promise<ProgramResult>;
  /** Resolves once stdout or stderr has shown this text. */
  shows(text: string): Promise<void>;
}

/** Starts a program as a user's shell would, and keeps all that it prints. */
export function startProgram(
  argv: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: Readable | string } = {},
): StartedProgram {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    env: { ...process.env, NO_COLOR: '1', SANDBOX_STATE_DIR: stateDirectory(), ...options.env },
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { input } = options;
  // A command may end without having read all of its input.
  child.stdin.on('error', () => {});
  if (typeof input === 'object') input.pipe(child.stdin);
  else if (input !== undefined) child.stdin.end(input);
  const exited = new Promise<Pick<ProgramResult, 'exitCode' | 'signal'>>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  const result = Promise.all([exited, buffer(child.stdout), buffer(child.stderr)]).then(
    ([end, stdout, stderr]) => ({ ...end, stdout, stderr: stderr.toString() }),
  );
  const shows = (text: string) =>
    new Promise<void>((resolve, reject) => {
      let seen = '';
      const look = (chunk: Buffer) => {
        seen += chunk.toString('latin1');
        if (seen.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      result.then(() => reject(new Error(`ended without showing ${JSON.stringify(text)}: ${seen}`)), reject);
    });
  return { child, result, shows };
}
