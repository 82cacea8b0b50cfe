import { isAbsolute, normalize } from 'node:path';
import {
  type Control,
  formatBytes,
  formatDuration,
  type Policy,
  parseBytes,
  parseCpus,
  parseDuration,
  policyInputSchema,
  RELAXABLE_CONTROLS,
  RUNTIME_ID,
  SandboxError,
  TOOL_NAME,
  type ToolsInput,
  TRUST_LEVELS,
  validateEnv,
  validateUserName,
} from '@sandbox/core';
import { z } from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** How a value is written in the file, and what becomes of it. */
export interface ValueKind<T> {
  /** For messages and the guide, after "is": `true or false`. */
  readonly allowed: string;
  /** For editors. */
  readonly json: JsonSchema;
  /** Throws what is wrong: a sentence that begins with the key. */
  read(value: unknown, key: string): T;
  /** As `read` takes it; as it is where there is nothing to translate. */
  write?(value: T): unknown;
}

/** A value as it stands in the file. */
export function written<T>(kind: ValueKind<T>, value: T): unknown {
  return kind.write === undefined ? value : kind.write(value);
}

/** What is wrong with a value: a sentence that begins with the key. */
export class ValueError extends Error {
  /** Null: the message says it all. */
  readonly hint: string | null | undefined;
  constructor(message: string, hint?: string | null) {
    super(message);
    this.hint = hint;
  }
}

export const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** As it is shown in messages, which get into logs: of tables, what is in them is not. */
export function given(value: unknown): string {
  if (isTable(value)) return 'a table';
  if (Array.isArray(value) && value.some(isTable)) return 'a list of tables';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function refuse(key: string, value: unknown, allowed: string): never {
  throw new ValueError(`${key} is ${allowed}, not ${given(value)}`, null);
}

/** What core's readers of a person's words throw, in our words. */
function relayed<T>(read: () => T, before = ''): T {
  try {
    return read();
  } catch (error) {
    if (!SandboxError.is(error)) throw error;
    throw new ValueError(before + error.message, error.hint);
  }
}

/** What core itself says against a value of a policy: too small, too large, no such image name. */
function checked<K extends keyof Policy>(policyKey: K, value: unknown, as: { key: string; from: unknown }) {
  const result = policyInputSchema.shape[policyKey].safeParse(value);
  if (result.success) return result.data as Policy[K];
  const [issue] = result.error.issues;
  throw new ValueError(`${as.key} ${issue?.message}, not ${given(as.from)}`);
}

export const bool: ValueKind<boolean> = {
  allowed: 'true or false',
  json: { type: 'boolean' },
  read: (value, key) => (typeof value === 'boolean' ? value : refuse(key, value, 'true or false')),
};

const SIZE = '^\\s*(\\d+(\\.\\d+)?|\\.\\d+)\\s*([kKmMgGtT]([iI]?[bB])?|[bB])?\\s*$';
const PART = '(\\d+(\\.\\d+)?|\\.\\d+)';
const DURATION = `^\\s*(?=[\\d.])(${PART}[dD])?(${PART}[hH])?(${PART}[mM])?(${PART}[sS])?(${PART}[mM][sS])?\\s*$`;

type Numeric = 'memoryBytes' | 'cpus' | 'pids' | 'openFiles' | 'fileSizeBytes' | 'diskBytes' | 'tmpfsBytes';

/** Bytes. `none`: the word for no limit. */
export function size(policyKey: Numeric, none?: 'none'): ValueKind<number | null> {
  const allowed = `a size such as 512m or 1.5g, or a number of bytes${none ? ', or none' : ''}`;
  const json = [{ type: 'string', pattern: SIZE }, { type: 'integer', minimum: 0 }, ...noneOf(none)];
  return {
    allowed,
    json: { anyOf: json },
    read(value, key) {
      if (none !== undefined && value === none) return null;
      if (typeof value !== 'string' && typeof value !== 'number') return refuse(key, value, allowed);
      const bytes = relayed(() => parseBytes(value, key));
      return checked(policyKey, bytes, { key, from: value });
    },
    write: (bytes) => (bytes === null ? 'none' : formatBytes(bytes)),
  };
}

/** Milliseconds. A bare number is refused: nobody can tell which unit was meant. */
export function duration(none?: 'none'): ValueKind<number | null> {
  const allowed = `a time such as 30s, 5m or 1h30m${none ? ', or none' : ''}`;
  return {
    allowed,
    json: { anyOf: [{ type: 'string', pattern: DURATION }, ...noneOf(none)] },
    read(value, key) {
      if (none !== undefined && value === none) return null;
      if (typeof value === 'number') {
        throw new ValueError(
          `${key} is ${allowed}, not ${value}`,
          `Say the unit: "${value}s" or "${value}ms".`,
        );
      }
      if (typeof value !== 'string') return refuse(key, value, allowed);
      const ms = relayed(() => parseDuration(value, key));
      return checked('timeoutMs', ms, { key, from: value });
    },
    write: (ms) => (ms === null ? 'none' : formatDuration(ms)),
  };
}

export function cpus(none?: 'none'): ValueKind<number | null> {
  const allowed = `a number of processors such as 2 or 0.5${none ? ', or none' : ''}`;
  return {
    allowed,
    json: {
      anyOf: [
        { type: 'number', exclusiveMinimum: 0 },
        { type: 'string', pattern: '^\\d*\\.?\\d+$' },
        ...noneOf(none),
      ],
    },
    read(value, key) {
      if (none !== undefined && value === none) return null;
      if (typeof value !== 'string' && typeof value !== 'number') return refuse(key, value, allowed);
      return checked(
        'cpus',
        relayed(() => parseCpus(value, key)),
        { key, from: value },
      );
    },
    write: (count) => count ?? 'none',
  };
}

const noneOf = (none: 'none' | undefined) => (none === undefined ? [] : [{ const: none }]);

/** A whole number that a key of the policy allows. */
export function count(policyKey: Numeric, unit: string): ValueKind<number> {
  return {
    allowed: `a whole number of ${unit}`,
    json: { type: 'integer', minimum: 1 },
    read: (value, key) => checked(policyKey, value, { key, from: value }) as number,
  };
}

/** A whole number within bounds, or one word. */
export function wholeNumber(least: number, most: number, word?: string): ValueKind<number | null> {
  const allowed = `a whole number from ${least} to ${most}${word ? `, or ${word}` : ''}`;
  const number = { type: 'integer', minimum: least, maximum: most };
  return {
    allowed,
    json: word === undefined ? number : { anyOf: [number, { const: word }] },
    read(value, key) {
      if (word !== undefined && value === word) return null;
      const fits = Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
      return fits ? (value as number) : refuse(key, value, allowed);
    },
    write: (number) => number ?? word,
  };
}

export function choice<const T extends string>(...words: readonly T[]): ValueKind<T> {
  const allowed = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return {
    allowed,
    json: { enum: words },
    read: (value, key) => words.find((word) => word === value) ?? refuse(key, value, allowed),
  };
}

export const trustLevel = choice(...TRUST_LEVELS);

export const image: ValueKind<string> = {
  allowed:
    'the name of an image such as debian:bookworm-slim, or the absolute path of an unpacked root file system',
  json: { type: 'string', minLength: 1 },
  read: (value, key) => checked('image', value, { key, from: value }),
};

export const runtimeId: ValueKind<string> = {
  allowed: 'auto, or the id of a runtime such as docker, podman, apple-container, nsjail, bubblewrap',
  json: { type: 'string', pattern: `^auto$|${RUNTIME_ID.source}` },
  read(value, key) {
    return typeof value === 'string' && (value === 'auto' || RUNTIME_ID.test(value))
      ? value
      : refuse(key, value, runtimeId.allowed);
  },
};

export const tools: ValueKind<ToolsInput> = {
  allowed: 'true (the usual ones), false (none), or a list of names of tools and packages',
  json: {
    anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string', pattern: TOOL_NAME.source } }],
  },
  read(value, key) {
    const named =
      Array.isArray(value) && value.every((name) => typeof name === 'string' && TOOL_NAME.test(name));
    return typeof value === 'boolean' || named ? value : refuse(key, value, tools.allowed);
  },
};

export const environment: ValueKind<Readonly<Record<string, string>>> = {
  allowed: 'a table of names and texts',
  json: { type: 'object', additionalProperties: { type: 'string' } },
  read: (value, key) => relayed(() => validateEnv(value, key)),
};

export const controls: ValueKind<readonly Control[]> = {
  allowed: `a list of controls: ${RELAXABLE_CONTROLS.join(', ')}`,
  json: { type: 'array', items: { enum: RELAXABLE_CONTROLS } },
  read: (value, key) => checked('bestEffort', value, { key, from: value }),
};

export const personName = (what: 'user' | 'job'): ValueKind<string> => ({
  allowed: `the name of a ${what}`,
  json: { type: 'string', minLength: 1, maxLength: 128 },
  read(value, key) {
    if (value === undefined) throw new ValueError(`${key} is missing`);
    return relayed(() => validateUserName(value as string, what), `${key}: `);
  },
});

const isDirectory = (path: unknown) =>
  typeof path === 'string' &&
  path !== '/' &&
  isAbsolute(path) &&
  normalize(path) === path &&
  !path.endsWith('/');

const LANGUAGE = /^[a-z][a-z0-9+#.-]{0,39}$/;

/** Of real directories: one that is reached through a link has nothing in it. */
export const directories: ValueKind<readonly string[]> = {
  allowed: 'a list of absolute paths of directories, without `..` and not `/`',
  json: { type: 'array', items: { type: 'string', pattern: '^/.' } },
  read(value, key) {
    const right = Array.isArray(value) && value.every(isDirectory);
    return right ? value : refuse(key, value, directories.allowed);
  },
};

/** As npm has names; a path begins with a dot or a slash. */
const PACKAGE = /^((@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*|\.{0,2}\/.+)$/;

export const packages: ValueKind<readonly string[]> = {
  allowed:
    'a list of names of packages, such as "@acme/sandbox-adapter-x", or of paths that begin with `./` or `/`',
  json: { type: 'array', items: { type: 'string', pattern: PACKAGE.source } },
  read(value, key) {
    const right =
      Array.isArray(value) && value.every((name) => typeof name === 'string' && PACKAGE.test(name));
    return right ? value : refuse(key, value, packages.allowed);
  },
};

/** All languages, or those of a list. Which there are is for the program to say. */
export type Prepull = 'all' | readonly string[];

export const prepull: ValueKind<Prepull> = {
  allowed: '`"all"`, or a list of languages such as `["python", "node"]`',
  json: { anyOf: [{ const: 'all' }, { type: 'array', items: { type: 'string', pattern: LANGUAGE.source } }] },
  read(value, key) {
    if (value === 'all') return value;
    const right =
      Array.isArray(value) && value.every((name) => typeof name === 'string' && LANGUAGE.test(name));
    return right ? value : refuse(key, value, prepull.allowed.replaceAll('`', ''));
  },
};

/** What is wrong is not shown: it may be a key itself, where its hash belongs. */
function text(allowed: string, pattern: RegExp): ValueKind<string> {
  return {
    allowed,
    json: { type: 'string', pattern: pattern.source },
    read(value, key) {
      if (value === undefined) throw new ValueError(`${key} is missing`);
      if (typeof value === 'string' && pattern.test(value)) return value;
      throw new ValueError(`${key} is not ${allowed}`, null);
    },
  };
}

export const keyId = text('the id of a key, as `sandbox keys add` makes it', /^[a-z0-9]{8}$/);
export const keyHash = text('the SHA-256 of a key in 64 hexadecimal digits', /^[0-9a-f]{64}$/);
export const day = text('a day such as 2026-01-31', /^\d{4}-\d{2}-\d{2}$/);

/** The kind as a part of a schema. */
export function schemaOf<T>(kind: ValueKind<T>, key: string) {
  return z
    .unknown()
    .transform((value, context): T => {
      try {
        return kind.read(value, key);
      } catch (error) {
        if (!(error instanceof ValueError)) throw error;
        const { message, hint = `Allowed: ${kind.allowed}.` } = error;
        context.issues.push({ code: 'custom', message, params: { hint }, input: value });
        return z.NEVER;
      }
    })
    .meta(kind.json);
}
