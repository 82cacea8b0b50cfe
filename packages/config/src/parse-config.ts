import { RUNTIME_ID, TRUST_LEVELS } from '@sandbox/core';
import type { z } from 'zod';
import { CEILING_KEYS, MONITORING_KEYS, SANDBOX_KEYS, SERVER_KEYS, TOP_KEYS } from './keys.ts';
import type { ParsedConfig } from './parsed-config.ts';
import { ConfigError, type ConfigProblem, nearest } from './problems.ts';
import { type ConfigValues, configSchema } from './schema.ts';
import { parseToml, type TomlDocument, type TomlPath, TomlSyntaxError } from './toml-document.ts';
import { given } from './value-kinds.ts';

/** Checks the text of a file. Throws a `ConfigError` with everything that is wrong with it. Pure. */
export function parseConfig(text: string, file: string): ParsedConfig {
  const document = documentOf(text, file);
  const result = configSchema.safeParse(document.value);
  const problems = result.success
    ? [
        ...badRuntimes(document),
        ...duplicates(result.data as ConfigValues, document),
        ...duplicateKeys(result.data as ConfigValues, document),
      ]
    : result.error.issues.flatMap((issue) => problemsOf(issue, document));
  if (problems.length > 0)
    throw new ConfigError(
      file,
      problems.sort((one, other) => one.line - other.line),
    );
  return { file, values: result.data as ConfigValues, lineOf: document.lineOf };
}

function documentOf(text: string, file: string): TomlDocument {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlSyntaxError)) throw error;
    const { line, column, message } = error;
    throw new ConfigError(file, [
      { line, key: null, message: `not TOML at column ${column}: ${message}`, hint: 'See https://toml.io.' },
    ]);
  }
}

function problemsOf(issue: z.core.$ZodIssue, document: TomlDocument): ConfigProblem[] {
  const path = issue.path as TomlPath;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], document));
  }
  const key = keyText(path, document);
  const line = document.lineOf(path);
  // Of our own making: a sentence that begins with the last word of the key.
  if (issue.code === 'custom') {
    const hint = typeof issue.params?.hint === 'string' ? issue.params.hint : undefined;
    const before = key.slice(0, key.length - String(path.at(-1)).length);
    return [{ line, key, message: `${before}${issue.message}`, hint }];
  }
  const expected =
    issue.code === 'invalid_type' && issue.expected === 'array' ? 'a list of tables' : 'a table';
  const message = `${key} is ${expected}, not ${given(valueAt(document.value, path))}`;
  return [{ line, key, message, hint: expected === 'a table' ? undefined : `Write [[${key}]].` }];
}

function unknownKey(path: TomlPath, document: TomlDocument): ConfigProblem {
  const key = keyText(path, document);
  const word = String(path.at(-1));
  const table = path.slice(0, -1);
  return {
    line: document.lineOf(path),
    key,
    message: `unknown key ${key}`,
    hint: misplaced(word, table) ?? suggestion(word, knownAt(table)),
  };
}

function suggestion(word: string, known: readonly string[]): string {
  const guess = nearest(word, known);
  return guess === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean ${guess}?`;
}

/** A key that is right somewhere else. */
function misplaced(word: string, table: TomlPath): string | undefined {
  const overriding = table.length > 1 && table[0] !== 'trust';
  if (Object.hasOwn(SANDBOX_KEYS, word) && overriding && table.at(-1) === 'sandbox')
    return `${word} holds for everybody: it belongs to [sandbox].`;
  if (Object.hasOwn(TOP_KEYS, word)) return `${word} belongs to the top of the file, before the first table.`;
  if (Object.hasOwn(SANDBOX_KEYS, word) && table[0] !== 'trust')
    return overriding ? `Write sandbox = { ${word} = … }.` : `${word} belongs to [sandbox].`;
  if (Object.hasOwn(CEILING_KEYS, word)) return `${word} belongs to [trust.<level>].`;
  return undefined;
}

function knownAt(table: TomlPath): readonly string[] {
  const [first] = table;
  if (first === undefined) return [...Object.keys(TOP_KEYS), ...TABLES];
  if (first === 'trust') return table.length === 1 ? TRUST_LEVELS : Object.keys(CEILING_KEYS);
  if (table.at(-1) !== 'sandbox') return OTHER_KEYS[String(first)] ?? [];
  return Object.entries(SANDBOX_KEYS).flatMap(([key, { overridable }]) =>
    overridable || table.length === 1 ? [key] : [],
  );
}

const TABLES = ['sandbox', 'users', 'cron', 'keys', 'server', 'monitoring', 'trust', 'runtimes'];

const OTHER_KEYS: Readonly<Record<string, readonly string[]>> = {
  users: ['name', 'trust', 'workspace_roots', 'sandbox'],
  cron: ['name', 'user', 'sandbox'],
  keys: ['id', 'user', 'hash', 'created'],
  server: Object.keys(SERVER_KEYS),
  monitoring: Object.keys(MONITORING_KEYS),
};

/** As people call a key: `users.alice.sandbox.memory`. */
function keyText(path: TomlPath, document: TomlDocument): string {
  return path
    .map((part, index) => {
      if (typeof part === 'string') return index === 0 ? part : `.${part}`;
      const name = (valueAt(document.value, [...path.slice(0, index + 1), 'name']) ?? '') as unknown;
      return typeof name === 'string' && name !== '' && path[index + 1] !== 'name' ? `.${name}` : `[${part}]`;
    })
    .join('');
}

function valueAt(value: unknown, path: TomlPath): unknown {
  let at = value;
  for (const part of path) at = (at as Record<string | number, unknown> | undefined)?.[part];
  return at;
}

/** A name that is there twice leaves open what holds. */
function duplicates(values: ConfigValues, document: TomlDocument): ConfigProblem[] {
  return (['users', 'cron'] as const).flatMap((list) => {
    const first = new Map<string, number>();
    return (values[list] ?? []).flatMap(({ name }, index): ConfigProblem[] => {
      const line = document.lineOf([list, index, 'name']);
      const before = first.get(name);
      first.set(name, before ?? line);
      if (before === undefined) return [];
      const message = `${list}.${name} is there twice: line ${before} has it too`;
      return [{ line, key: `${list}.${name}`, message, hint: `Make one [[${list}]] table of both.` }];
    });
  });
}

/** Of two keys with one id only the first would open anything. */
function duplicateKeys({ keys = [] }: ConfigValues, { lineOf }: TomlDocument): ConfigProblem[] {
  return keys.flatMap(({ id }, index) => {
    if (keys.findIndex((key) => key.id === id) === index) return [];
    const key = `keys[${index}].id`;
    return [
      {
        line: lineOf(['keys', index, 'id']),
        key,
        message: `${key}: ${id} is there twice`,
        hint: 'Remove one of them.',
      },
    ];
  });
}

/** Looked at as they stand in the file: a key that no runtime can have must not be passed over. */
function badRuntimes({ value, lineOf }: TomlDocument): ConfigProblem[] {
  return Object.keys((value.runtimes ?? {}) as object).flatMap((id) => {
    if (RUNTIME_ID.test(id)) return [];
    const key = `runtimes.${id}`;
    const message = `${key}: ${given(id)} is not the id of a runtime`;
    return [
      { line: lineOf(['runtimes', id]), key, message, hint: 'Ids look like docker or apple-container.' },
    ];
  });
}
