/** The agent's codes (PROTOCOL.md), and `UNAVAILABLE`: the session is lost or closed. */
export type GuestErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNSUPPORTED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'DEADLINE_EXCEEDED'
  | 'UNKNOWN'
  | 'UNAVAILABLE';

export const GUEST_ERROR_CODES: ReadonlySet<string> = new Set<GuestErrorCode>([
  'INVALID_ARGUMENT',
  'UNSUPPORTED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'UNKNOWN',
  'UNAVAILABLE',
]);

export interface GuestErrorOptions extends ErrorOptions {
  readonly errno?: string | undefined;
  readonly path?: string | undefined;
  readonly operation?: string | undefined;
}

const BRAND = Symbol.for('dev.sandbox.guest-error');

/** The one error of this package. Codes are public API; messages are for people and may change. */
export class GuestError extends Error {
  override readonly name = 'GuestError';
  readonly code: GuestErrorCode;
  /** The system's name for what went wrong, where there is one: `ENOENT`, `ENOSPC`, … */
  readonly errno?: string;
  /** The guest's path that the error is about; bytes that are not UTF-8 are replaced. */
  readonly path?: string;
  /** The request that failed: `exec`, `read`, … */
  readonly operation?: string;

  constructor(code: GuestErrorCode, message: string, options: GuestErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.errno !== undefined) this.errno = options.errno;
    if (options.path !== undefined) this.path = options.path;
    if (options.operation !== undefined) this.operation = options.operation;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** True for this package's error, whichever copy of the package made it. */
  static isGuestError(value: unknown): value is GuestError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}
