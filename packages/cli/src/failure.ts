import { CommanderError } from 'commander';
import { EXIT } from './exit-code.ts';
import { printable } from './output/printable.ts';
import { UsageError } from './usage-error.ts';

/** What stopped a command of ours, in the words of `--json`. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly exitCode: number;
}

// By brand and not by class: core need not be loaded to say that an option is misspelt.
const BRAND = Symbol.for('dev.sandbox.SandboxError');
interface BrandedError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}
const isSandboxError = (error: unknown): error is BrandedError =>
  typeof error === 'object' && error !== null && BRAND in error;

export function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) return usageFailure(error);
  if (error instanceof UsageError || isSandboxError(error)) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint !== undefined && { hint: error.hint }),
      // A request that is wrong whatever the state of the world is wrong usage, whoever noticed it first.
      exitCode: error instanceof UsageError || error.code === 'INVALID_ARGUMENT' ? EXIT.usage : EXIT.sandbox,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  if ((error as NodeJS.ErrnoException | null)?.syscall === 'write') return outputFailure(message);
  return {
    code: 'UNKNOWN',
    message: message || 'unknown error',
    hint: 'This should not happen: run it again with SANDBOX_DEBUG=1, and report what it prints.',
    exitCode: EXIT.sandbox,
  };
}

/** What is ours to write are stdout and stderr alone. */
function outputFailure(message: string): Failure {
  return {
    code: 'RESOURCE_EXHAUSTED',
    message: `the output cannot be written: ${message}`,
    hint: 'Look at where stdout and stderr go: is the disk full?',
    exitCode: EXIT.sandbox,
  };
}

/** Commander's texts look like `error: unknown option '--memry'\n(Did you mean --memory?)`. */
function usageFailure(error: CommanderError): Failure {
  const [first = '', suggestion] = error.message.split('\n');
  const suggested = suggestion && /\(Did you mean (?:one of )?(.*)\?\)/.exec(suggestion)?.[1];
  return {
    code: 'INVALID_ARGUMENT',
    message: first.replace(/^error: /, ''),
    hint: suggested ? `Did you mean ${suggested}?` : 'See --help for the options and examples.',
    exitCode: EXIT.usage,
  };
}

/** `sandbox: <message>` and `hint: <what to do>`, for stderr. */
export function failureText(failure: Failure, name: string): string {
  const hint = failure.hint === undefined ? '' : `hint: ${printable(failure.hint)}\n`;
  // A file of the guest's may be called so that it would look like a hint of ours.
  return `${name}: ${printable(failure.message).replaceAll('\n', '\n  ')}\n${hint}`;
}
