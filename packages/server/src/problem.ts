import { STATUS_CODES } from 'node:http';
import { type ErrorCode, SandboxError } from '@sandbox/core';
import type { ZodError } from 'zod';

/** An answer that is a failure: a problem document (RFC 9457) with our code. */
export interface Problem {
  readonly type: 'about:blank';
  /** What the status means. */
  readonly title: string;
  readonly status: number;
  /** What is wrong, for a person. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** What to do about it. */
  readonly hint: string | null;
  /** Of a sandbox that is gone: the result of its last execution, for an hour. */
  readonly lastResult?: unknown;
}

const STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 409,
  UNSUPPORTED: 422,
  RESOURCE_EXHAUSTED: 429,
  UNKNOWN: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

export interface HttpErrorOptions {
  readonly hint?: string | undefined;
  /** Default: the one that goes with the code. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly lastResult?: unknown;
}

/** A failure of a request itself, with more to say than a `SandboxError` has. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: ErrorCode;
  readonly options: HttpErrorOptions;

  constructor(code: ErrorCode, message: string, options: HttpErrorOptions = {}) {
    super(message);
    this.code = code;
    this.options = options;
  }
}

/** For the wire: what went wrong inside of this program is told to its operator and not to callers. Pure. */
export function problemOf(error: unknown): {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
} {
  if (error instanceof HttpError) {
    const { hint, status, headers = {}, lastResult } = error.options;
    return { problem: problem(error.code, error.message, { hint, status, lastResult }), headers };
  }
  if (SandboxError.is(error)) {
    const headers: Record<string, string> =
      error.code === 'RESOURCE_EXHAUSTED' || error.code === 'UNAVAILABLE' ? { 'retry-after': '1' } : {};
    return { problem: problem(error.code, error.message, { hint: error.hint }), headers };
  }
  const detail = 'this should not have happened: the log of the service says more';
  return { problem: problem('UNKNOWN', detail, {}), headers: {} };
}

function problem(code: ErrorCode, detail: string, options: HttpErrorOptions): Problem {
  const status = options.status ?? STATUS[code];
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    hint: options.hint ?? null,
    ...(options.lastResult !== undefined && { lastResult: options.lastResult }),
  };
}

/** As an answer. */
export function problemResponse(error: unknown): Response {
  const { problem, headers } = problemOf(error);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
  });
}

/** What a schema has against a request. */
export function invalidRequest(error: ZodError): HttpError {
  const issues = error.issues.slice(0, 5).map(({ path, message }) => {
    const where = path.map(String).join('.');
    return where === '' ? message : `${where}: ${message}`;
  });
  const more = error.issues.length > 5 ? `; and ${error.issues.length - 5} more` : '';
  return new HttpError('INVALID_ARGUMENT', issues.join('; ') + more, {
    hint: 'GET /docs shows what each request takes.',
  });
}
