import type { Sandbox, Sandboxes } from '@sandbox/core';
import { tell } from '../cli-io.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf, failureText } from '../failure.ts';
import { printJson } from '../print.ts';
import { findTarget, type Target } from './targets.ts';

export interface TargetOutcome {
  readonly name: string;
  readonly failure?: Failure;
}

/** One after the other, and on after a failure. */
export async function eachTarget(
  sandboxes: Sandboxes,
  targets: readonly Target[],
  work: (sandbox: Sandbox) => Promise<unknown>,
): Promise<TargetOutcome[]> {
  const outcomes: TargetOutcome[] = [];
  for (const target of targets) {
    try {
      await work(await findTarget(sandboxes, target));
      outcomes.push({ name: target.name });
    } catch (error) {
      outcomes.push({ name: target.name, failure: failureOf(error) });
    }
  }
  return outcomes;
}

/** Names what was done, and why the rest was not. `done` is its key in JSON: `removed`. Returns the exit code. */
export async function tellOutcomes(
  context: CommandContext,
  outcomes: readonly TargetOutcome[],
  { done, json }: { readonly done: string; readonly json: boolean | undefined },
): Promise<number> {
  const names = outcomes.filter(({ failure }) => failure === undefined).map(({ name }) => name);
  const failed = outcomes.flatMap(({ name, failure }) => (failure === undefined ? [] : [{ name, failure }]));
  if (json) await printJson(context, { [done]: names, failed: failed.map(forJson) });
  else await tell(context.io.stdout, names.map((name) => `${name}\n`).join(''));
  for (const { failure } of failed) await tell(context.io.stderr, failureText(failure, context.name));
  return failed.length === 0 ? EXIT.ok : EXIT.sandbox;
}

function forJson({ name, failure }: Required<TargetOutcome>) {
  return { name, error: { code: failure.code, message: failure.message, hint: failure.hint ?? null } };
}
