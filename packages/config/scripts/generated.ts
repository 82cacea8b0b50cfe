// Writes what is made of the table of keys: sandbox.schema.json, and the tables in README.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configJsonSchema } from '../src/json-schema.ts';
import {
  CEILING_KEYS,
  type KeyInfo,
  MONITORING_KEYS,
  SANDBOX_KEYS,
  type SandboxKeyInfo,
  SERVER_KEYS,
} from '../src/keys.ts';
import { toml } from '../src/template.ts';
import { written } from '../src/value-kinds.ts';

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

const builtIn = ({ kind, builtIn }: KeyInfo) =>
  builtIn === undefined ? '–' : `\`${toml(written(kind, builtIn))}\``;

function overriddenBy({ overridable, request }: SandboxKeyInfo): string {
  const who = [...(overridable ? ['users', 'jobs'] : []), ...(request === null ? [] : [request])];
  return who.length === 0 ? 'nobody' : who.join(', ');
}

function sandboxTable(): string {
  const ceilings = Object.entries(CEILING_KEYS);
  return table(
    ['key', 'what it says', 'written as', 'built in', 'overridden by', 'bounded by'],
    Object.entries(SANDBOX_KEYS).map(([key, info]) => [
      `\`${key}\``,
      info.about,
      key === 'best_effort' ? 'a list of controls, as `sandbox doctor` names them' : info.kind.allowed,
      builtIn(info as KeyInfo),
      overriddenBy(info),
      ceilings.flatMap(([name, { bounds }]) => (bounds === key ? [`\`${name}\``] : [])).join() || '–',
    ]),
  );
}

function ceilingTable(): string {
  return table(
    ['key', 'what it says', 'written as', 'built in for `public`'],
    Object.entries(CEILING_KEYS).map(([key, info]) => [
      `\`${key}\``,
      info.about,
      key === 'best_effort' ? 'as above' : info.kind.allowed,
      builtIn(info as KeyInfo),
    ]),
  );
}

function plainTable(keys: Readonly<Record<string, KeyInfo>>): string {
  return table(
    ['key', 'what it says', 'written as', 'built in'],
    Object.entries(keys).map(([key, info]) => [`\`${key}\``, info.about, info.kind.allowed, builtIn(info)]),
  );
}

function readme(text: string): string {
  const tables = {
    sandbox: sandboxTable(),
    ceilings: ceilingTable(),
    server: plainTable(SERVER_KEYS),
    monitoring: plainTable(MONITORING_KEYS),
  };
  return Object.entries(tables).reduce((before, [name, made]) => {
    const begin = `<!-- ${name}: made by packages/config/scripts/generated.ts -->\n`;
    const [head, rest] = before.split(begin);
    const tail = rest?.slice(rest.indexOf(`<!-- /${name} -->`));
    if (head === undefined || tail === undefined) throw new Error(`README.md has no ${begin.trim()}`);
    return `${head}${begin}${made}\n${tail}`;
  }, text);
}

/** Path → what it should say. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    [at('sandbox.schema.json'), `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
    [at('README.md'), readme(readFileSync(at('README.md'), 'utf8'))],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) writeFileSync(path, text);
}
