import { type CodeToCheck, type CodeWarning, formatCodeWarning } from '@sandbox/code-checks';
import type { Language } from '@sandbox/languages';

export type CheckCode = (code: CodeToCheck) => Promise<readonly CodeWarning[]>;

/** What an answer may wait for the checks of its code, which go on while the sandbox is made or the code runs. */
const TIMEOUT_MS = 2_000;

/** What is found in a snippet. Never rejects: a client that has gone is told nothing. */
export async function warningsOf(
  checkCode: CheckCode | null,
  language: Language | null,
  code: string | undefined,
  signal: AbortSignal,
): Promise<readonly CodeWarning[]> {
  if (checkCode === null || language === null || code === undefined) return [];
  const { id, checks = id, fileName: path } = language;
  try {
    return await checkCode({ language: checks, code, path, timeoutMs: TIMEOUT_MS, signal });
  } catch (error) {
    if (signal.aborted) return [];
    const message = `the code was not checked: ${(error as Error).message}`;
    return [{ kind: 'incomplete', rule: 'incomplete/failure', message, path, line: null, column: null }];
  }
}

/** An answer with what was found, as text too. */
export function withCodeWarnings<T extends { readonly warnings: string[] }>(
  answer: T,
  found: readonly CodeWarning[],
): T & { codeWarnings: CodeWarning[] } {
  const warnings = [...answer.warnings, ...found.map(formatCodeWarning)];
  return { ...answer, warnings, codeWarnings: [...found] };
}
