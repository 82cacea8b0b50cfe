import type { Problem, Result } from './types.ts';

/** What the service answers when it refuses. `code` is public API, `message` is for people. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  readonly code: Problem['code'];
  /** What to do about it. */
  readonly hint: string | null;
  /** Of a sandbox that is gone. */
  readonly lastResult: Result | null;
  /** After how many seconds trying again makes sense; null: the service does not say. */
  readonly retryAfter: number | null;

  constructor(problem: Problem, retryAfter: number | null = null) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.hint = problem.hint ?? null;
    this.lastResult = problem.lastResult ?? null;
    this.retryAfter = retryAfter;
  }

  static async of(response: Response): Promise<ServiceError> {
    const seconds = response.headers.get('retry-after');
    const retryAfter = seconds === null || Number.isNaN(Number(seconds)) ? null : Number(seconds);
    const isProblem = /^application\/problem\+json\b/.test(response.headers.get('content-type') ?? '');
    if (!isProblem) await response.body?.cancel();
    const problem = isProblem ? await jsonOf<Partial<Problem> | null>(response) : undefined;
    const isOurs = typeof problem?.code === 'string' && typeof problem.detail === 'string';
    return isOurs ? new ServiceError(problem as Problem, retryAfter) : foreignAnswer(response, retryAfter);
  }
}

/** Of something in between that is not the service. */
export function foreignAnswer({ status, statusText }: Response, retryAfter?: number | null): ServiceError {
  const detail = `the answer is ${status} ${statusText}, and not one of a sandbox service`;
  return new ServiceError(
    { type: 'about:blank', title: statusText, status, detail, code: 'UNKNOWN', hint: null },
    retryAfter,
  );
}

/** Undefined for what is no JSON. */
export async function jsonOf<T>(response: Response): Promise<T | undefined> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
