import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { isHere } from '@sandbox/jail-tests';
import { expect, test } from 'vitest';
import { bubblewrapCommand } from '../src/bubblewrap-spec.ts';
import { bubblewrap } from './bubblewrap.ts';

const here = await isHere(bubblewrap);
const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
const nothing = { memoryBytes: null, cpus: null, pids: null, openFiles: null, fileSizeBytes: null };
const bind = (path: string) =>
  ({ type: 'bind', source: path, target: path, readOnly: true, exec: true }) as const;

// What waits in there finds all that it waits for closed, as it does when the program that started it is killed.
test.runIf(here)('a jail whose maker is gone runs nothing', async () => {
  const { argv, inputs = [] } = bubblewrapCommand({
    ...{ program: 'bwrap', scratch: '', argv: ['/bin/echo', 'ran'], env: {}, workdir: '/' },
    ...{ user: { uid: 7, gid: 7 }, uids: [{ inside: 7, outside: uid, count: 1 }] },
    gids: [{ inside: 7, outside: gid, count: 1 }],
    mounts: ['/usr', '/bin', '/lib', '/lib64'].map(bind),
    limits: { ...nothing, diskBytes: null },
    security: { capabilities: [], noNewPrivileges: true, seccomp: true },
    ...{ architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', countsPids: true },
    hardLimits: { openFiles: 1_000, fileSizeBytes: Number.POSITIVE_INFINITY },
  });
  const [program = '', ...words] = argv;
  const pipes = ['pipe', 'pipe', 'pipe', 'pipe'] as const;
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe', ...pipes] });
  const [, , , , options, ...waited] = child.stdio as unknown as Writable[];
  for (const stream of waited) stream.destroy();
  options?.end(inputs[0]);
  const [stdout, stderr] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
  ]);
  expect([stdout, stderr]).toEqual(['', expect.stringContaining('system call filtering')]);
});
