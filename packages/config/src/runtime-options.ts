import type { OptionsSchema } from '@sandbox/core';
import type { SandboxValues } from './keys.ts';
import type { ParsedConfig } from './parsed-config.ts';
import { ConfigError, type ConfigProblem, nearest } from './problems.ts';
import type { TomlPath } from './toml-document.ts';
import { given, isTable } from './value-kinds.ts';

/**
 * The options of one adapter: what `[runtimes.<id>]` says, its keys in the adapter's own spelling (`socket_path` → `socketPath`), checked by the schema that the
 * adapter's package exports. Throws a `ConfigError` that names file, line and key.
 */
export async function runtimeOptions<T>(
  { file, values, lineOf }: ParsedConfig,
  runtime: string,
  schema: OptionsSchema<T>,
): Promise<T> {
  const written = values.runtimes?.[runtime] ?? {};
  const path = ['runtimes', runtime];
  const problem = (at: readonly string[], message: string, hint?: string): ConfigProblem => {
    const key = [...path, ...at].join('.');
    return { line: lineOf([...path, ...at]), key, message: `${key} ${message}`, hint };
  };
  const misspelt = misspeltKeys(written).map(({ at, instead }) =>
    problem(at, 'is not in snake_case', `Write ${instead}.`),
  );
  if (misspelt.length > 0) throw new ConfigError(file ?? '', misspelt);
  const result = await schema['~standard'].validate(camelCased(written));
  if (result.issues === undefined) return result.value;
  throw new ConfigError(
    file ?? '',
    result.issues.flatMap((issue) => {
      const at = (issue.path ?? []).map((part) =>
        snakeCase(String(typeof part === 'object' ? part.key : part)),
      );
      const unknown = (issue.keys ?? []).map((key) => {
        const guess = at.length === 0 ? nearest(snakeCase(key), keysOf(schema as object)) : undefined;
        const hint = guess && `Did you mean ${guess}?`;
        return problem([...at, snakeCase(key)], 'is not an option of this runtime', hint);
      });
      if (unknown.length > 0) return unknown;
      return [problem(at, `is ${given(valueAt(written, at))}: ${issue.message}`)];
    }),
  );
}

/** Where the schema can be asked for its keys, as zod's can. */
function keysOf(schema: { readonly shape?: unknown }): string[] {
  return typeof schema.shape === 'object' ? Object.keys(schema.shape ?? {}).map(snakeCase) : [];
}

/** Runtimes that the file names and this program has not: for another program, or misspelt. */
export function strangeRuntimes({ values, lineOf }: ParsedConfig, known: readonly string[]): ConfigProblem[] {
  const problem = (path: TomlPath, key: string, id: string): ConfigProblem => {
    const guess = nearest(id, known);
    const hint = guess === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${guess}?`;
    return { line: lineOf(path), key, message: `${key}: this program has no runtime ${given(id)}`, hint };
  };
  const named = (sandbox: SandboxValues | undefined, path: TomlPath, key: string) => {
    const id = sandbox?.runtime ?? 'auto';
    return id === 'auto' || known.includes(id) ? [] : [problem([...path, 'runtime'], `${key}.runtime`, id)];
  };
  return [
    ...named(values.sandbox, ['sandbox'], 'sandbox'),
    ...(['users', 'cron'] as const).flatMap((list) =>
      (values[list] ?? []).flatMap(({ name, sandbox }, index) =>
        named(sandbox, [list, index, 'sandbox'], `${list}.${name}.sandbox`),
      ),
    ),
    ...Object.keys(values.runtimes ?? {}).flatMap((id) =>
      known.includes(id) ? [] : [problem(['runtimes', id], `runtimes.${id}`, id)],
    ),
  ];
}

type Table = Readonly<Record<string, unknown>>;

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (!isTable(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [camelCase(key), camelCased(inner)] as const);
  return Object.fromEntries(entries);
}

const camelCase = (key: string) => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const snakeCase = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function misspeltKeys(
  table: Table,
  before: readonly string[] = [],
): { at: readonly string[]; instead: string }[] {
  return Object.entries(table).flatMap(([key, value]) => {
    const at = [...before, key];
    const inner = isTable(value) ? misspeltKeys(value, at) : [];
    return /[A-Z]/.test(key) ? [{ at, instead: snakeCase(key) }, ...inner] : inner;
  });
}

function valueAt(table: Table, path: readonly string[]): unknown {
  let at: unknown = table;
  for (const key of path) at = isTable(at) ? at[key] : undefined;
  return at;
}
