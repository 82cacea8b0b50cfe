// Writes the table of adapters in the README at the root from what the adapters say of themselves. `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import type { AdapterOptions } from '@sandbox/cli';
import { type Capability, CONTROLS } from '@sandbox/core';
import { adapters } from '../src/adapters.ts';

const readme = new URL('../../../README.md', import.meta.url);
const BEGIN = '<!-- adapters: made by apps/sandbox/scripts/readme-table.ts -->\n';
const END = '<!-- /adapters -->';
const MARKS = { enforced: '✔', limited: '(✔)', unsupported: '–' } as const;

/** As where nothing is configured. */
const noOptions: AdapterOptions = async (schema) => {
  const result = await schema['~standard'].validate({});
  if (result.issues !== undefined) throw new Error(JSON.stringify(result.issues));
  return result.value;
};
const loaded = await Promise.all(adapters.map(({ load }) => load(noOptions)));
const cell = ({ support, how }: Capability) => `${MARKS[support]} ${how}`.replaceAll('|', '\\|');
const table = [
  `| control | ${loaded.map(({ runtime }) => runtime).join(' | ')} |`,
  `| --- |${' --- |'.repeat(loaded.length)}`,
  ...CONTROLS.map(
    (control) =>
      `| \`${control}\` | ${loaded.map(({ capabilities }) => cell(capabilities.controls[control])).join(' | ')} |`,
  ),
].join('\n');
const legend = '✔ enforced · (✔) with the limit that is named · – refused when asked for';

const text = readFileSync(readme, 'utf8');
const [before, rest] = text.split(BEGIN);
const after = rest?.slice(rest.indexOf(END));
if (before === undefined || after === undefined) throw new Error(`README.md has no ${BEGIN.trim()}`);
const written = `${before}${BEGIN}${table}\n\n${legend}\n${after}`;
if (process.argv.includes('--check')) {
  if (written !== text) {
    console.error('The table of adapters in README.md is old: node apps/sandbox/scripts/readme-table.ts');
    process.exitCode = 1;
  }
} else {
  writeFileSync(readme, written);
}
