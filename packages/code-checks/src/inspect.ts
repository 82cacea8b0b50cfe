import { findCalls } from './calls.ts';
import { type Finding, incomplete, tooLate } from './code-warning.ts';
import { type Grammar, loadGrammar, parse } from './grammar.ts';
import type { LanguageChecks } from './rules/language-checks.ts';
import { findSecrets } from './secrets.ts';
import { findSyntaxErrors } from './syntax.ts';

/** Of each kind; one more than what is shown, so that it is known that there are more. */
export const FINDINGS_OF_A_KIND = 101;

/**
 * Looks at code, and gives what was found step by step. What could not be checked is a finding too. It throws only for what ought not to be,
 * after which the parser is not to be used again.
 *
 * @param late whether the time is up; asked often
 */
export async function* inspect(
  code: string,
  checks: LanguageChecks | undefined,
  late: () => boolean,
): AsyncGenerator<readonly Finding[]> {
  yield await findSecrets(code, FINDINGS_OF_A_KIND);
  if (checks === undefined) return;
  const grammar = await loadGrammar(checks).catch((error: unknown) => error as Error);
  if (grammar instanceof Error) yield [withoutGrammar(checks, grammar)];
  else yield* inspectTree(code, checks, grammar, late);
}

function* inspectTree(
  code: string,
  checks: LanguageChecks,
  grammar: Grammar,
  late: () => boolean,
): Generator<readonly Finding[]> {
  const tree = parse(grammar, code + (checks.suffix ?? ''), late);
  if (tree !== null) {
    const errors = findSyntaxErrors(tree, checks, FINDINGS_OF_A_KIND, late);
    yield errors.findings;
    if (errors.hopeless) yield [incomplete('syntax', 'calls were not looked for: too little can be parsed')];
    else yield findCalls(tree, grammar, checks, FINDINGS_OF_A_KIND, late);
    tree.delete();
  }
  // A search that ran out of time gave what it had.
  if (late()) yield [tooLate('syntax and calls')];
}

function withoutGrammar({ title }: LanguageChecks, error: Error): Finding {
  // Its message holds paths of this machine.
  const { code, name } = error as NodeJS.ErrnoException;
  const why = `there is no usable grammar for ${title} (${code ?? name})`;
  return incomplete('grammar', `syntax and calls were not checked: ${why}`);
}
