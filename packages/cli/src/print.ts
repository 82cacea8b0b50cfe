import { tell } from './cli-io.ts';
import type { CommandContext } from './command-context.ts';
import { EXIT } from './exit-code.ts';
import { type Failure, failureText } from './failure.ts';
import { toJson } from './output/json.ts';
import { printable } from './output/printable.ts';

/** One line on stderr. */
export async function warn(context: CommandContext, message: string): Promise<void> {
  await tell(context.io.stderr, `${context.name}: warning: ${printable(message)}\n`);
}

/** What comes last. What comes while work goes on is `write`, which tells that nobody reads it any more. */
export async function print(context: CommandContext, text: string): Promise<void> {
  await tell(context.io.stdout, text);
}

export async function printJson(context: CommandContext, value: unknown): Promise<void> {
  await tell(context.io.stdout, toJson(value));
}

/** What went wrong beside what was done, and the exit code that comes of it. */
export async function tellFailures(context: CommandContext, failures: readonly Failure[]): Promise<number> {
  for (const failure of failures) await tell(context.io.stderr, failureText(failure, context.name));
  return failures.length === 0 ? EXIT.ok : EXIT.sandbox;
}
