import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';

export type TomlPath = readonly (string | number)[];
export type TomlTable = { [key: string]: unknown };

/** What a TOML text says, and where it says it. */
export interface TomlDocument {
  /** Tables have no prototype: a key may be called `__proto__`. */
  readonly value: TomlTable;
  /** Line of this key, counted from 1; of the nearest key around it where it is not there. */
  readonly lineOf: (path: TomlPath) => number;
}

/** A text that is not TOML. */
export class TomlSyntaxError extends Error {
  override readonly name = 'TomlSyntaxError';
  readonly line: number;
  readonly column: number;
  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/** Nobody writes more tables and lists in one another. */
const DEEPEST = 100;
const TOO_DEEP = `tables and lists lie deeper than ${DEEPEST} in one another`;
/** At the beginning, as some editors write it. It belongs to the encoding. */
const BYTE_ORDER_MARK = '\uFEFF';

/** Reads TOML 1.0. Throws `TomlSyntaxError`, for a key that is given twice too. */
export function parseToml(text: string): TomlDocument {
  const reader = new Reader();
  for (const node of parsed(text).body[0].body) {
    if (node.type === 'TOMLKeyValue') reader.assign([], node);
    else {
      reader.table(node.resolvedKey, node.loc.start.line);
      for (const pair of node.body) reader.assign(node.resolvedKey, pair);
    }
  }
  return reader;
}

/** Where a table with a header of its own stands in a text: from its header to its last value. */
export function tableAt(text: string, path: TomlPath): readonly [number, number] | undefined {
  const key = JSON.stringify(path);
  const tables = parsed(text).body[0].body.filter((node) => node.type === 'TOMLTable');
  return tables.find(({ resolvedKey }) => JSON.stringify(resolvedKey) === key)?.range;
}

function parsed(text: string): AST.TOMLProgram {
  // A blank in its stead: places stay what they are.
  const plain = text.startsWith(BYTE_ORDER_MARK) ? ` ${text.slice(1)}` : text;
  try {
    return parseTOML(plain, { tomlVersion: '1.0' });
  } catch (error) {
    // The stack of the parser is at its end.
    if (error instanceof RangeError) throw new TomlSyntaxError(TOO_DEEP, 1, 1);
    if (!(error instanceof ParseError)) throw error;
    throw new TomlSyntaxError(error.message, error.lineNumber, error.column + 1);
  }
}

class Reader implements TomlDocument {
  readonly value: TomlTable = Object.create(null);
  readonly #lines = new Map<string, number>();
  readonly #depth: number;

  /** @param depth of the place that it is read for */
  constructor(depth = 0) {
    this.#depth = depth;
  }

  readonly lineOf = (path: TomlPath): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const line = this.#lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };

  /** The table or list at a path, made where it is not there. The parser has refused all that contradicts itself. */
  table(path: TomlPath, line: number): TomlTable {
    let at: TomlTable = this.value;
    for (const [index, key] of path.entries()) {
      this.#remember(path.slice(0, index + 1), line);
      at[key] ??= typeof path[index + 1] === 'number' ? [] : Object.create(null);
      at = at[key] as TomlTable;
    }
    return at;
  }

  assign(base: TomlPath, { key, value, loc }: AST.TOMLKeyValue): void {
    const names = key.keys.map((part) => (part.type === 'TOMLBare' ? part.name : part.value));
    const path = [...base, ...names];
    const { line } = loc.start;
    const last = path.at(-1) as string;
    this.table(path.slice(0, -1), line)[last] = this.#read(path, value);
    this.#remember(path, line);
  }

  #read(path: TomlPath, node: AST.TOMLContentNode): unknown {
    this.#remember(path, node.loc.start.line);
    if (node.type === 'TOMLValue') return node.value;
    if (node.type === 'TOMLArray')
      return node.elements.map((element, index) => this.#read([...path, index], element));
    // Where the path leads is not there yet: the pairs are read into a document of their own.
    const inner = new Reader(this.#depth + path.length);
    for (const pair of node.body) inner.assign([], pair);
    for (const [key, line] of inner.#lines) this.#remember([...path, ...JSON.parse(key)], line);
    return inner.value;
  }

  /** The first place counts. */
  #remember(path: TomlPath, line: number): void {
    if (this.#depth + path.length > DEEPEST) throw new TomlSyntaxError(TOO_DEEP, line, 1);
    const key = JSON.stringify(path);
    if (!this.#lines.has(key)) this.#lines.set(key, line);
  }
}
