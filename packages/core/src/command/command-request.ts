import type { ExecRequest } from '@sandbox/guest';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { Purpose } from '../monitoring/purpose.ts';
import { validateCommand, validateEnv } from '../policy/command.ts';
import { formatDuration } from '../units/duration.ts';
import type { CommandOptions } from './types.ts';

/** What holds for the commands of one sandbox. */
export interface CommandContext {
  readonly runtime: string;
  readonly sandbox: string;
  /** Where commands start that say nothing, if that is not where the agent is. */
  readonly cwd?: string | undefined;
  /** For every command, where the sandbox was not made with it. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The policy's, for collected commands that say nothing. */
  readonly timeoutMs: number | null;
  /** The most that the caller's trust allows. */
  readonly maxTimeoutMs?: number | undefined;
  /** The policy's TERM, for commands with a terminal. */
  readonly term?: string | undefined;
  /** Who asks. */
  readonly user?: string | null | undefined;
  readonly purpose?: Purpose | undefined;
}

type Request = { -readonly [K in keyof ExecRequest]: ExecRequest[K] };

/** The part of a request that collected and spawned commands share, checked. */
export function commandRequest(
  command: readonly string[],
  options: CommandOptions,
  context: CommandContext,
  defaultTimeoutMs: number | null,
): Request {
  const request: Request = { argv: validateCommand(command) };
  const { env, cwd, graceMs } = options;
  if (env !== undefined) request.env = validateEnv(env);
  if (context.env !== undefined) request.env = { ...context.env, ...request.env };
  if (cwd !== undefined) request.cwd = resolveDirectory(cwd, context.cwd);
  else if (context.cwd !== undefined) request.cwd = context.cwd;
  if (graceMs !== undefined) request.graceMs = milliseconds('graceMs', graceMs, 0);
  const timeoutMs = commandTimeout(options.timeoutMs, defaultTimeoutMs, context.maxTimeoutMs);
  if (timeoutMs !== null) request.timeoutMs = timeoutMs;
  return request;
}

function commandTimeout(
  asked: number | null | undefined,
  fallback: number | null,
  most: number | undefined,
): number | null {
  const timeoutMs = asked === undefined || asked === null ? asked : milliseconds('timeoutMs', asked, 1);
  if (most === undefined) return timeoutMs === undefined ? fallback : timeoutMs;
  // Nobody asked: no limit becomes the highest one.
  if (timeoutMs === undefined) return Math.min(fallback ?? most, most);
  if (timeoutMs !== null && timeoutMs <= most) return timeoutMs;
  const what = timeoutMs === null ? 'no timeout' : `a timeout of ${formatDuration(timeoutMs)}`;
  throw new SandboxError(
    'PERMISSION_DENIED',
    `max_timeout: ${what} is more than the ${formatDuration(most)} that this trust level may have`,
    { operation: 'exec' },
  );
}

/** Joined, not normalised: what `..` means behind a symlink is for the guest to say. */
function resolveDirectory(cwd: unknown, base: string | undefined): string {
  if (typeof cwd !== 'string' || cwd === '' || cwd.includes('\0')) {
    throw invalid('cwd is empty, contains a NUL byte, or is no string');
  }
  return base === undefined || cwd.startsWith('/') ? cwd : `${base}/${cwd}`;
}

/** Checks a time; fractions are rounded up. */
export function milliseconds(name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least) return Math.ceil(value);
  throw invalid(`${name} is ${String(value)}, not a number of milliseconds from ${least} up`);
}

function invalid(message: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', message, { operation: 'exec' });
}
