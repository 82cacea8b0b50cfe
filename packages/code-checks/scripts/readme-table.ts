// Writes the table of languages and rules in the README from the rules. A test compares the two.
import { readFileSync, writeFileSync } from 'node:fs';
import { type LanguageChecks, languageChecks } from '../src/index.ts';

export const readmeFile = new URL('../README.md', import.meta.url);
const BEGIN = '<!-- rules: made by scripts/readme-table.ts -->\n';
const END = '<!-- /rules -->';

function rowOf({ title, id, aliases, rules, gaps }: LanguageChecks): string {
  const names = [id, ...aliases].map((name) => `\`${name}\``).join(' ');
  const told = rules.map((rule) => `\`${rule.id}\` ${rule.message}`).join(' · ');
  return `| ${title} | ${names} | ${told} | ${gaps ?? ''} |`;
}

/** The README with the table as it ought to be. Pure. */
export function withTable(readme: string): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.slice(rest.indexOf(END));
  if (before === undefined || after === undefined) throw new Error(`README.md has no ${BEGIN.trim()}`);
  const head = '| language | called | rules | valid, and not known |\n| --- | --- | --- | --- |';
  return `${before}${BEGIN}${head}\n${languageChecks.map(rowOf).join('\n')}\n${after}`;
}

if (import.meta.main) writeFileSync(readmeFile, withTable(readFileSync(readmeFile, 'utf8')));
