import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { childRawProcess } from './child-process.ts';

function start(script: string) {
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'pipe' });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const ended = exited.then(([exitCode, signal]) => ({ exitCode, signal }));
  return { raw: childRawProcess(child, ended), exited };
}

test('what a child wrote is there after its end, whoever reads it when', async () => {
  const { raw, exited } = start('printf out; printf err >&2; exit 3');
  await exited;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await Promise.all([text(raw.stdout), text(raw.stderr)])).toEqual(['out', 'err']);
  expect(await raw.wait()).toEqual({ exitCode: 3, signal: null });
});

test('the end is told also where nobody reads streams that have nothing', async () => {
  expect(await start('exit 4').raw.wait()).toMatchObject({ exitCode: 4 });
});

test('writing to one that has ended is no error of ours', async () => {
  const { raw, exited } = start('exec 0<&-; exit 0');
  await exited;
  raw.stdin.write('x'.repeat(1 << 20));
  expect(await raw.wait()).toMatchObject({ exitCode: 0 });
});

test('destroy ends it', async () => {
  const { raw, exited } = start('exec sleep 60');
  raw.destroy();
  raw.destroy();
  expect(await exited).toEqual([null, 'SIGKILL']);
});
