import { readdirSync, readFileSync } from 'node:fs';
import { SandboxError } from '@sandbox/core';
import { expect, test } from 'vitest';
import { CommandLine } from './command-line.ts';

const shell = new CommandLine({
  runtime: 'example',
  program: '/bin/sh',
  callMs: 500,
  environment: () => ({ SAID: 'by us' }),
  explain: (cause, stderr) => new SandboxError('UNAVAILABLE', stderr || cause.message, { cause }),
});
const call = { operation: 'list', sandbox: 'box' };
const script = (text: string) => shell.call(call, (signal) => shell.run(['-c', text], signal));

test('what it prints is the answer, in the environment that it is given', async () => {
  expect(await script('echo "$SAID $HOME"')).toBe('by us \n');
  expect(await shell.call(call, (signal) => shell.json(['-c', "echo '[1]'"], signal))).toEqual([1]);
});

test('what it says on stderr is the error, with what was being done', async () => {
  await expect(script('echo no >&2; exit 3')).rejects.toMatchObject({
    ...{ code: 'UNAVAILABLE', message: 'no\n', runtime: 'example', operation: 'list', sandbox: 'box' },
  });
  await expect(shell.call(call, (signal) => shell.json(['-c', 'echo no'], signal))).rejects.toMatchObject({
    code: 'UNKNOWN',
    message: expect.stringContaining('no JSON'),
  });
});

test('it ends in time, deaf or not, and its grace comes on top', async () => {
  const mark = `60.${process.pid}`;
  const deaf = script(`trap '' TERM; exec sleep ${mark}`);
  await expect(deaf).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  await expect.poll(() => commandLines().filter((line) => line.includes(mark))).toEqual([]);
  const graced = { ...call, graceMs: 5_000 };
  expect(await shell.call(graced, (signal) => shell.run(['-c', 'sleep 0.7; echo on'], signal))).toBe('on\n');
  const aborted = shell.call({ ...call, signal: AbortSignal.abort() }, (signal) => shell.run([], signal));
  await expect(aborted).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});

test('one that cannot be started is explained too', async () => {
  const missing = new CommandLine({
    ...{ runtime: 'example', program: '/no/such', callMs: 500, environment: () => ({}) },
    explain: (cause) => new SandboxError('NOT_FOUND', cause.message),
  });
  const running = missing.call(call, (signal) => missing.run(['x'], signal));
  await expect(running).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'spawn /no/such ENOENT' });
  const long = shell.call(call, (signal) => shell.run(['-c', 'x'.repeat(2 ** 22)], signal));
  await expect(long).rejects.toMatchObject({ message: 'spawn E2BIG' });
});

test('lines are told as they come', async () => {
  const lines: string[] = [];
  await shell.call(call, (signal) =>
    shell.run(['-c', 'echo one >&2; echo two >&2'], signal, (line) => lines.push(line)),
  );
  expect(lines).toEqual(['one', 'two']);
});

/** Of everything that runs on this machine. */
function commandLines(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  });
}
