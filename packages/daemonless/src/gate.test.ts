import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { openGate } from './gate.ts';

/** A program with the gate at descriptor 3 and the key at 4. */
function program(script: string) {
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [, stdout, , gate, key] = child.stdio as unknown as Socket[];
  const ended = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    output: text(stdout as Socket),
    ended,
    sockets: [gate, key] as [Socket, Socket],
  };
}

const READ = 'dd bs=1 count=1 <&3 2>/dev/null >/dev/null; cat <&4; exec 1>&-;';
const gateOf = (prepare: (pid: number) => void) =>
  ({
    opens: Buffer.alloc(1),
    key: Buffer.from('the key'),
    isWaiting: (text: string) => text !== '',
    prepare,
  }) as const;
const fail = (error: unknown) => {
  throw error;
};

test('the program goes on once its process is there and prepared, and has started when it runs something else', async () => {
  const { pid, output, sockets } = program(`${READ} exec sleep 60`);
  const prepared: number[] = [];
  const gate = openGate(
    gateOf((process) => void prepared.push(process)),
    sockets,
    { pid: () => pid, fail },
  );
  gate.look('');
  expect(prepared).toEqual([]);
  gate.look('made');
  gate.look('made');
  expect(await output).toBe('the key');
  await gate.passed;
  expect(prepared).toEqual([pid]);
});

test('one that ends before has not started', async () => {
  const { pid, ended, sockets } = program(`${READ} exit 0`);
  const gate = openGate(
    gateOf(() => undefined),
    sockets,
    { pid: () => pid, fail },
  );
  gate.look('made');
  await ended;
  const first = await Promise.race([
    gate.passed.then(() => 'passed'),
    new Promise((end) => setTimeout(end, 20, 'no')),
  ]);
  expect(first).toBe('no');
});

test('what could not be prepared is told, and the program not let go on', async () => {
  const { pid, sockets } = program(`${READ} exec sleep 60`);
  const { promise: failure, resolve } = Promise.withResolvers<unknown>();
  const prepare = () => {
    throw new Error('no');
  };
  openGate(gateOf(prepare), sockets, { pid: () => pid, fail: resolve }).look('made');
  await expect(failure).resolves.toMatchObject({ message: 'no' });
  expect(sockets.map((socket) => socket.bytesWritten)).toEqual([0, 0]);
});
