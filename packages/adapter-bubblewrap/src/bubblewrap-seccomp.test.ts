import { deniedCalls } from '@sandbox/daemonless';
import { describe, expect, it, test } from 'vitest';
import { seccompProgram } from './bubblewrap-seccomp.ts';
import { SYSTEM_CALLS } from './system-calls.ts';

const ALLOWED = 0x7fff0000;
const KILLED = 0x80000000;
const error = (errno: number) => 0x50000 + errno;
const MACHINES = { amd64: 0xc000003e, arm64: 0xc00000b7 };
type Architecture = keyof typeof MACHINES;

interface Call {
  readonly machine?: number;
  readonly number: number;
  readonly args?: readonly bigint[];
}

/** What the kernel does with a program of this kind: the few instructions that there are. */
function answer(program: Buffer, { machine = MACHINES.amd64, number, args = [] }: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(machine, 4);
  for (const [index, arg] of args.entries()) data.writeBigUInt64LE(arg, 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, value] = [program.readUInt16LE(at), program.readUInt32LE(at + 4)];
    const jump = (isTrue: boolean) => {
      at += 8 * program.readUInt8(at + (isTrue ? 2 : 3));
    };
    if (code === 0x06) return value;
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x15) jump(accumulator === value);
    else if (code === 0x35) jump(accumulator >= value);
    else if (code === 0x45) jump((accumulator & value) !== 0);
    else throw new Error(`no instruction: ${code}`);
  }
  throw new Error('it ends without an answer');
}

describe.each(['amd64', 'arm64'] as const)('on %s', (architecture: Architecture) => {
  const program = seccompProgram(architecture, false);
  const machine = MACHINES[architecture];
  const numberOf = (name: string) => SYSTEM_CALLS[name]?.[architecture] ?? -1;
  const ask = (name: string, ...args: number[]) =>
    answer(program, { machine, number: numberOf(name), args: args.map(BigInt) });

  it('is whole, and no longer than the kernel takes', () => {
    expect(program.length % 8).toBe(0);
    expect(program.length / 8).toBeLessThanOrEqual(4_096);
  });

  it('denies what is denied, and says that clone3 is not there', () => {
    const { always } = deniedCalls(architecture, false);
    expect(always.filter((name) => ask(name) !== error(1))).toEqual([]);
    expect(ask('clone3')).toBe(error(38));
  });

  it('knows every call by a number of its own', () => {
    const numbers = Object.values(SYSTEM_CALLS).flatMap((call) => call[architecture] ?? []);
    expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([]);
  });

  it('allows every other call', () => {
    const denied = new Set(Object.values(SYSTEM_CALLS).map((numbers) => numbers[architecture]));
    const others = Array.from({ length: 600 }, (_, number) => number).filter((number) => !denied.has(number));
    expect(others.filter((number) => answer(program, { machine, number }) !== ALLOWED)).toEqual([]);
  });

  it.each([
    ['clone', [0x11], ALLOWED],
    ['clone', [0x10000000 | 0x11], error(1)],
    ['clone', [0x02000000], error(1)],
    ['ioctl', [0, 0x5401], ALLOWED],
    ['ioctl', [0, 0x5412], error(1)],
    ['ioctl', [0, 0x541c], error(1)],
    ['socket', [2], ALLOWED],
    ['socket', [17], error(1)],
    ['socket', [38], error(1)],
    ['socket', [40], error(1)],
    ['personality', [0], ALLOWED],
    ['personality', [0xffffffff], ALLOWED],
    ['personality', [0x40000], ALLOWED],
    ['personality', [0x0040000 | 0x8], error(1)],
    ['prctl', [1, 0], error(0)],
    ['prctl', [38, 1], ALLOWED],
  ] as const)('%s%j', (name, args, expected) => expect(ask(name, ...args)).toBe(expected));

  it('looks at 32 bits of an argument, as the kernel does', () => {
    const args = [0n, 0xdead_0000_5412n];
    expect(answer(program, { machine, number: numberOf('ioctl'), args })).toBe(error(1));
  });

  it('ends a program that calls as another machine', () => {
    expect(answer(program, { machine: 0x40000003, number: 1 })).toBe(KILLED);
  });
});

test('files cannot be opened by their handles, on arm64 neither', () => {
  const program = seccompProgram('arm64', false);
  for (const number of [264, 265])
    expect(answer(program, { machine: MACHINES.arm64, number })).toBe(error(1));
});

test('x32 calls are not there', () => {
  const program = seccompProgram('amd64', false);
  expect(answer(program, { number: 0x40000000 + 165 })).toBe(error(38));
});

test('only who has the capability may change its root', () => {
  const number = SYSTEM_CALLS.chroot?.amd64 ?? -1;
  expect(answer(seccompProgram('amd64', false), { number })).toBe(error(1));
  expect(answer(seccompProgram('amd64', true), { number })).toBe(ALLOWED);
});
