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
    this.hint = problem.hint;
    this.lastResult = problem.lastResult ?? null;
    this.retryAfter = retryAfter;
  }

  static async of(response: Response): Promise<ServiceError> {
    const seconds = response.headers.get('retry-after');
    const retryAfter = seconds === null || Number.isNaN(Number(seconds)) ? null : Number(seconds);
    const isProblem = /^application\/problem\+json\b/.test(response.headers.get('content-type') ?? '');
    const problem = isProblem ? ((await response.json()) as Problem) : await foreign(response);
    return new ServiceError(problem, retryAfter);
  }
}

/** Of something in between that is not the service. */
async function foreign(response: Response): Promise<Problem> {
  const { status, statusText } = response;
  await response.body?.cancel();
  const detail = `the answer is ${status} ${statusText}, and not one of a sandbox service`;
  return { type: 'about:blank', title: statusText, status, detail, code: 'UNKNOWN', hint: null };
}
