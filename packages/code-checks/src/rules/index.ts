import { bash } from './bash.ts';
import { csharp } from './csharp.ts';
import { go } from './go.ts';
import { java } from './java.ts';
import { javascript } from './javascript.ts';
import type { LanguageChecks } from './language-checks.ts';
import { php } from './php.ts';
import { powershell } from './powershell.ts';
import { python } from './python.ts';
import { ruby } from './ruby.ts';
import { typescript } from './typescript.ts';

/** What is checked, language by language. */
export const languageChecks: readonly LanguageChecks[] = [
  ...[python, javascript, typescript, java, go, ruby, php, csharp, powershell, bash],
];

const byName = new Map(
  languageChecks.flatMap((checks) => [checks.id, ...checks.aliases].map((name) => [name, checks] as const)),
);

/** By id or alias. */
export function checksFor(language: string): LanguageChecks | undefined {
  return byName.get(language);
}
