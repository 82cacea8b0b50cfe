import { SandboxError } from '@sandbox/core';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { HttpError } from './problem.ts';
import { REDACTED, SECRET_FIELDS, without, withoutKeys } from './redact.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Nothing of ours is deeper. */
const MOST_DEPTH = 8;

/** What the service writes to. Any logger of pino is one. */
export type ServiceLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface ServiceLogOptions {
  /** @default 'info' */
  readonly level?: LogLevel | undefined;
  /** Gets each line, with its line end. @default stderr */
  readonly write?: ((line: string) => void) | undefined;
}

/**
 * A log of JSON lines. What the service writes to it is chosen field by field and has neither headers nor bodies; should one find its way into a field or a message all the same, it is
 * taken out by its name or its look.
 */
export function createServiceLog({
  level = 'info',
  write = (line) => void process.stderr.write(line),
}: ServiceLogOptions = {}): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => withoutSecretFields(fields) as Record<string, unknown>,
      },
      // Has been described by then.
      serializers: { err: (error) => error },
      hooks: { streamWrite: withoutKeys },
    },
    { write },
  );
}

/** At any depth, and for a tenth of what pino's own `redact` costs with paths of several levels. Errors come down to what is known to be harmless. */
function withoutSecretFields(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return describeError(value, []);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MOST_DEPTH) return REDACTED;
  // A date, say.
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON === 'function') return withoutSecretFields(toJSON.call(value), depth + 1);
  if (Array.isArray(value)) return value.map((one) => withoutSecretFields(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      SECRET_FIELDS.has(name.toLowerCase()) ? REDACTED : withoutSecretFields(inner, depth + 1),
    ]),
  );
}

/** Nothing but what is known to be harmless: errors of other libraries carry command lines and output along. */
export interface DescribedError {
  readonly type: string;
  readonly errorCode: string | null;
  readonly message: string;
  readonly stack: string | null;
  readonly cause: string | null;
}

/** For a log, without what is the caller's own. Pure. */
export function describeError(error: unknown, secrets: readonly string[]): DescribedError {
  const { name, code, message, stack, cause } = (error ?? {}) as Partial<Error> & { code?: unknown };
  const clean = (text: unknown) => without(secrets, String(text));
  return {
    type: clean(name ?? typeof error),
    errorCode: typeof code === 'string' ? clean(code) : null,
    message: clean(message ?? error),
    stack: stack === undefined ? null : clean(stack),
    cause: cause instanceof Error ? clean(cause.message) : null,
  };
}

/** Whether there is something in it that its callers are not told: a mistake of ours, or an engine that fails. */
export function isForOperators(error: unknown): boolean {
  const code = error instanceof HttpError || SandboxError.is(error) ? error.code : 'UNKNOWN';
  return code === 'UNKNOWN' || (code === 'UNAVAILABLE' && !(error instanceof HttpError));
}
