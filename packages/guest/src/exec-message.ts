import type { ExecRequest, ExecStatus } from './command.ts';
import { GuestError } from './guest-error.ts';
import {
  booleanOf,
  encodeInteger,
  encodeMs,
  encodeText,
  invalid,
  type Message,
  numberOf,
  numberOrNull,
  stringOf,
} from './message.ts';
import { printable } from './printable.ts';
import type { Text } from './text.ts';

/** What a command is run with, as the fields that every request to run one has. */
export function commandFields({
  argv,
  env,
  cwd,
  timeoutMs,
  graceMs,
}: Pick<ExecRequest, 'argv' | 'env' | 'cwd' | 'timeoutMs' | 'graceMs'>): Message {
  if (!Array.isArray(argv) || argv.length === 0) throw invalid('argv is empty: it needs at least a program');
  return {
    argv: argv.map((argument, index) => encodeText(argument, `argv[${index}]`)),
    env: env && encodeEnvironment(env),
    cwd: cwd === undefined ? undefined : encodeText(cwd, 'cwd'),
    timeoutMs: encodeMs(timeoutMs, 'timeoutMs'),
    graceMs: encodeMs(graceMs, 'graceMs'),
  };
}

export function execMessage(request: ExecRequest): Message {
  const { stdin, terminal, strays } = request;
  return {
    op: 'exec',
    ...commandFields(request),
    stdin: stdin === 'pipe' ? stdin : undefined,
    terminal: terminal && encodeSize(terminal),
    drainMs: encodeMs(request.drainMs, 'drainMs'),
    strays: strays === 'keep' ? strays : undefined,
    started: request.started === true || request.onStart !== undefined ? true : undefined,
  };
}

export function encodeSize({ rows, cols }: { rows: number; cols: number }): { rows: number; cols: number } {
  return { rows: encodeInteger(rows, 'rows', 0, 65_535), cols: encodeInteger(cols, 'cols', 0, 65_535) };
}

function encodeEnvironment(env: Readonly<Record<string, Text | null>>): Record<string, unknown> {
  // Without a prototype, so that a variable may be called `__proto__`.
  const encoded: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(env)) {
    const value = env[name];
    if (value === undefined) continue;
    if (name === '' || name.includes('='))
      throw invalid(`env has the name "${name}": names are not empty and have no "="`);
    encodeText(name, 'a name in env');
    encoded[name] = value === null ? null : encodeText(value, `env ${name}`);
  }
  return encoded;
}

export function parseStatus(message: Message): ExecStatus {
  const cause = stringOf(message, 'cause');
  if (cause !== 'exit' && cause !== 'timeout' && cause !== 'cancel') {
    throw new GuestError('UNKNOWN', 'the agent names a cause that there is not');
  }
  const status: ExecStatus = {
    exitCode: numberOrNull(message, 'exitCode'),
    signal: numberOrNull(message, 'signal'),
    cause,
    oomKilled: booleanOf(message, 'oomKilled'),
    lost: booleanOf(message, 'lost'),
    durationUs: numberOf(message, 'durationUs'),
    cpuUserUs: numberOf(message, 'cpuUserUs'),
    cpuSystemUs: numberOf(message, 'cpuSystemUs'),
    peakMemoryBytes: numberOf(message, 'peakMemoryBytes'),
    strays: numberOf(message, 'strays'),
  };
  return message.message ? { ...status, message: printable(stringOf(message, 'message'), 4_096) } : status;
}
