import { type ConditionalCall, deniedCalls } from '@sandbox/daemonless';
import { SYSTEM_CALLS } from './system-calls.ts';

type Architecture = 'amd64' | 'arm64';

/** Of the kernel's `struct seccomp_data`: where what is looked at lies. All of it is little-endian on both architectures. */
const NUMBER = 0;
const ARCHITECTURE = 4;
const argumentAt = (index: number) => 16 + 8 * index;

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const error = (errno: number) => 0x00050000 + errno;
const [EPERM, ENOSYS] = [1, 38];

const AUDIT_ARCHITECTURE = { amd64: 0xc000003e, arm64: 0xc00000b7 };
/** From here on numbers of x86-64 are those of its x32 kind. */
const FIRST_X32 = 0x40000000;

/** Code, how many to skip where it is true, and where it is false, and what it is compared with. */
type Instruction = readonly [code: number, whenTrue: number, whenFalse: number, value: number];

/**
 * The filter of every jail, compiled: what bwrap reads. Calls of another architecture (`int 0x80`) end the program, those of x32 are said not to be there.
 * What is denied, with what answer, is the same for all runtimes without a daemon. Pure.
 */
export function seccompProgram(architecture: Architecture, allowChroot: boolean): Buffer {
  const { always, conditional, missing, ignored } = deniedCalls(architecture, allowChroot);
  const instructions: Instruction[] = [
    [LOAD, 0, 0, ARCHITECTURE],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURE[architecture]],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, NUMBER],
    ...(architecture === 'amd64' ? answerTo([JUMP_AT_LEAST, 0, 1, FIRST_X32], ENOSYS) : []),
    ...always.flatMap((name) => answerTo(isCall(name, architecture), EPERM)),
    ...missing.flatMap((name) => answerTo(isCall(name, architecture), ENOSYS)),
    ...conditional.flatMap((call) => conditionally(call, architecture, EPERM)),
    ...ignored.flatMap((call) => conditionally(call, architecture, 0)),
    [RETURN, 0, 0, ALLOW],
  ];
  return Buffer.concat(instructions.map(encode));
}

function isCall(name: string, architecture: Architecture): Instruction {
  const number = SYSTEM_CALLS[name]?.[architecture];
  if (number === undefined) throw new Error(`the number of ${name} on ${architecture} is not known`);
  return [JUMP_EQUAL, 0, 1, number];
}

function answerTo(question: Instruction, errno: number): Instruction[] {
  return [question, [RETURN, 0, 0, error(errno)]];
}

/** Looks at the argument, answers, and otherwise allows: the number of the call is not needed any more. */
function conditionally(
  { name, index, when, values }: ConditionalCall,
  architecture: Architecture,
  errno: number,
) {
  const code = when === 'any-bit' ? JUMP_ANY_BIT : JUMP_EQUAL;
  const [hit, miss] = when === 'none-of' ? [ALLOW, error(errno)] : [error(errno), ALLOW];
  const body: Instruction[] = [
    [LOAD, 0, 0, argumentAt(index)],
    ...values.flatMap((value): Instruction[] => [
      [code, 0, 1, value],
      [RETURN, 0, 0, hit],
    ]),
    [RETURN, 0, 0, miss],
  ];
  const [jump, , , number] = isCall(name, architecture);
  return [[jump, 0, body.length, number] as const, ...body];
}

/** `struct sock_filter`. */
function encode([code, whenTrue, whenFalse, value]: Instruction): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(whenTrue, 2);
  bytes.writeUInt8(whenFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}
