import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RawProcess, RuntimeAdapter, SandboxSpec } from '@sandbox/core';
import { agentArtifact } from '@sandbox/guest';
import { jailRuntime, scopeOf } from './jail-runtime.ts';
import { agent } from './ordinary-user.ts';

type Overrides = { readonly [Key in keyof SandboxSpec]?: SandboxSpec[Key] };

/** A small sandbox on the host's root, without limits. */
export function specOf(argv: readonly string[], overrides: Overrides = {}): SandboxSpec {
  const name = overrides.name ?? `sandbox-jail-test-${randomBytes(5).toString('hex')}`;
  return {
    name,
    lifecycle: 'ephemeral',
    root: { type: 'host', readOnly: false },
    argv,
    env: { PATH: '/usr/bin:/bin', HOME: '/tmp' },
    workdir: '/tmp',
    user: { uid: 1000, gid: 1000, allowRoot: false },
    mounts: [],
    agent: agent ?? agentArtifact(),
    limits: {
      memoryBytes: null,
      cpus: null,
      pids: null,
      openFiles: null,
      fileSizeBytes: null,
      diskBytes: null,
    },
    network: 'none',
    security: { capabilities: [], noNewPrivileges: true, seccomp: true },
    ...overrides,
    labels: {
      'dev.sandbox.managed': 'true',
      'dev.sandbox.name': name,
      'dev.sandbox.scope': scopeOf(jailRuntime()),
      ...overrides.labels,
    },
  };
}

export async function outputOf(raw: RawProcess) {
  const text = async (stream: AsyncIterable<Buffer>) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  raw.stdin.end();
  const [stdout, stderr, { exitCode }] = await Promise.all([text(raw.stdout), text(raw.stderr), raw.wait()]);
  return { stdout, stderr, exitCode };
}

/** Runs a script as the main process of a sandbox of its own. */
export async function runScript(adapter: RuntimeAdapter, script: string, overrides: Overrides = {}) {
  const spec = specOf(['/bin/sh', '-c', script], overrides);
  await adapter.create(spec);
  try {
    return await outputOf(await adapter.start(spec.name, { attach: true }));
  } finally {
    await adapter.remove(spec.name);
  }
}

/** Runs a script in a long-lived sandbox that runs. */
export async function execScript(adapter: RuntimeAdapter, name: string, script: string) {
  return outputOf(await adapter.exec(name, { argv: ['/bin/sh', '-c', script] }));
}

export async function untilLine(raw: RawProcess, line: string): Promise<void> {
  let text = '';
  for await (const chunk of raw.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes(`${line}\n`)) return;
  }
  throw new Error(`it ended before it said ${line}: ${text}`);
}

export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what}: not so after 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Processes of this host whose command line holds a text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => readQuietly(`/proc/${pid}/cmdline`).includes(text))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** An unpacked root file system: a shell and a few programs of the host's with their libraries. */
export function makeRoot(directory: string): string {
  for (const name of ['bin', 'etc', 'tmp', 'var/tmp', 'data'])
    mkdirSync(join(directory, name), { recursive: true });
  execFileSync('chmod', [
    '1777',
    join(directory, 'tmp'),
    join(directory, 'var/tmp'),
    join(directory, 'data'),
  ]);
  symlinkSync('bin', join(directory, 'sbin'));
  for (const name of ['sh', 'cat', 'ls', 'id', 'sleep', 'touch']) {
    const program = realpathSync(execFileSync('which', [name], { encoding: 'utf8' }).trim());
    copyFileSync(program, join(directory, 'bin', name));
    for (const [library] of execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/\/\S+/g)) {
      mkdirSync(join(directory, dirname(library)), { recursive: true });
      copyFileSync(realpathSync(library), join(directory, library));
    }
  }
  return directory;
}
