/**
 * What can go wrong, as a closed set. Codes are public API and stable between majors; messages are free to change.
 * They are the names of gRPC's codes that apply here.
 */
export const ERROR_CODES = [
  /** The request is wrong whatever the state of the world: a bad size, a NUL byte, an option that does not exist. */
  'INVALID_ARGUMENT',
  /** The runtime cannot do or enforce what was asked for here; the message names the control. */
  'UNSUPPORTED',
  /** The sandbox, image, file or runtime is not there. */
  'NOT_FOUND',
  'ALREADY_EXISTS',
  /** Right request, wrong state: not running, stricter than the sandbox enforces, a workspace that may not be mounted. */
  'FAILED_PRECONDITION',
  /** The runtime or the session cannot be reached (any more); trying again later may help. */
  'UNAVAILABLE',
  'PERMISSION_DENIED',
  /** A limit of the host, the policy or the sandbox has been reached: processes, disk, concurrent sandboxes. */
  'RESOURCE_EXHAUSTED',
  /** The runtime did not answer within the call's own deadline, or the caller's signal aborted it. */
  'DEADLINE_EXCEEDED',
  'UNKNOWN',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface SandboxErrorOptions {
  /** What was being done: `create`, `exec`, `files.read`, `images.pull`, … */
  operation?: string | undefined;
  /** Id of the runtime, such as `docker`. */
  runtime?: string | undefined;
  /** Name of the sandbox. */
  sandbox?: string | undefined;
  /** The next step for a person: a command to type or an option to change. One sentence. */
  hint?: string | undefined;
  /** The runtime's or the system's own error. */
  cause?: unknown;
}

const brand = Symbol.for('dev.sandbox.SandboxError');

/**
 * The one error that this project throws. What stopped us from running a command is an error; how a command ended is a
 * result. Recognise it with `SandboxError.is`, which also works when two copies of the package are loaded.
 */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
  readonly code: ErrorCode;
  readonly operation: string | undefined;
  readonly runtime: string | undefined;
  readonly sandbox: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: SandboxErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.operation = options.operation;
    this.runtime = options.runtime;
    this.sandbox = options.sandbox;
    this.hint = options.hint;
    Object.defineProperty(this, brand, { value: true });
  }

  static is(value: unknown): value is SandboxError {
    return typeof value === 'object' && value !== null && brand in value;
  }

  /** The same error with what is known further up added; what it already says is kept. */
  static withContext(error: unknown, context: Omit<SandboxErrorOptions, 'cause'>): SandboxError {
    const known = SandboxError.is(error) ? error : undefined;
    return new SandboxError(
      known?.code ?? 'UNKNOWN',
      error instanceof Error ? error.message : String(error),
      {
        operation: known?.operation ?? context.operation,
        runtime: known?.runtime ?? context.runtime,
        sandbox: known?.sandbox ?? context.sandbox,
        hint: known?.hint ?? context.hint,
        cause: known ? known.cause : error,
      },
    );
  }

  toJSON(): Record<string, unknown> {
    const { code, message, operation, runtime, sandbox, hint } = this;
    return { code, message, operation, runtime, sandbox, hint };
  }
}
