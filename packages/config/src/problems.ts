import { SandboxError } from '@sandbox/core';
import { closest, distance } from 'fastest-levenshtein';

/** One thing that is wrong with a file. */
export interface ConfigProblem {
  /** Counted from 1. */
  readonly line: number;
  /** `sandbox.memory`; null where no key is to blame. */
  readonly key: string | null;
  /** One sentence. */
  readonly message: string;
  readonly hint?: string | undefined;
}

/** `INVALID_ARGUMENT` with all that is wrong with a file. */
export class ConfigError extends SandboxError {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ line, message }) => `${file}:${line}: ${message}`);
    super('INVALID_ARGUMENT', lines.join('; '), {
      operation: 'config',
      hint: problems[0]?.hint,
    });
    this.file = file;
    this.problems = problems;
  }
}

/** The known word that was probably meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const guess = closest(word.toLowerCase(), known as string[]);
  return distance(word.toLowerCase(), guess) <= Math.max(2, word.length / 3) ? guess : undefined;
}
