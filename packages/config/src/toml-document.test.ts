import { expect, test } from 'vitest';
import { parseToml, TomlSyntaxError } from './toml-document.ts';

const TEXT = `# a comment
default_trust = "inner"

[sandbox]
memory = "4g"
env.A = "1"

[[users]]
name = "alice"
sandbox = { memory = "8g", env = { B = "2" } }

[[users]]
name = "bob"
  [users.sandbox]
  cpus = 2.0

[runtimes]
docker.timeouts.probe_ms = 1_000
list = [
  1,
  { a = true },
]
`;

test('values are those of the text', () => {
  expect(parseToml(TEXT).value).toEqual({
    default_trust: 'inner',
    sandbox: { memory: '4g', env: { A: '1' } },
    users: [
      { name: 'alice', sandbox: { memory: '8g', env: { B: '2' } } },
      { name: 'bob', sandbox: { cpus: 2 } },
    ],
    runtimes: { docker: { timeouts: { probe_ms: 1000 } }, list: [1, { a: true }] },
  });
});

test.each([
  [['default_trust'], 2],
  [['sandbox'], 4],
  [['sandbox', 'memory'], 5],
  [['sandbox', 'env', 'A'], 6],
  [['users'], 8],
  [['users', 0], 8],
  [['users', 0, 'name'], 9],
  [['users', 0, 'sandbox', 'env', 'B'], 10],
  [['users', 1], 12],
  [['users', 1, 'sandbox'], 14],
  [['users', 1, 'sandbox', 'cpus'], 15],
  [['runtimes', 'docker'], 18],
  [['runtimes', 'docker', 'timeouts', 'probe_ms'], 18],
  [['runtimes', 'list', 1, 'a'], 21],
])('%j is in line %d', (path, line) => {
  expect(parseToml(TEXT).lineOf(path)).toBe(line);
});

test('what is not there is looked for around it', () => {
  const { lineOf } = parseToml(TEXT);
  expect(lineOf(['users', 1, 'trust'])).toBe(12);
  expect(lineOf(['nowhere'])).toBe(1);
  expect(lineOf([])).toBe(1);
});

test('a key called __proto__ is a key', () => {
  const { value } = parseToml('__proto__ = 1\n[sandbox]\n"__proto__" = 2\nx = { __proto__ = 3 }\n');
  expect(Object.entries(value)[0]).toEqual(['__proto__', 1]);
  expect(Object.entries(value.sandbox as object)[0]).toEqual(['__proto__', 2]);
  expect(Object.getPrototypeOf(value.sandbox)).toBeNull();
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test('a mark at the beginning and line ends of another system are read', () => {
  const { value, lineOf } = parseToml('\uFEFF[sandbox]\r\n\r\nmemory = "1g"\r\n');
  expect(value).toEqual({ sandbox: { memory: '1g' } });
  expect(lineOf(['sandbox', 'memory'])).toBe(3);
});

test.each([
  ['a = 1\na = 2', 2],
  ['[x]\n[x]', 2],
  ['[x]\ny = 1\n[x.y]\nz = 1', 3],
  ['a = { b = 1 }\n[a]\nc = 1', 2],
  ['\na = ', 2],
  ['\n\na = "x', 3],
  ['a = [1,\n2', 2],
  ['= 1', 1],
  ['a = 1 b = 2', 1],
  ['[sandbox', 1],
  ['a = yes', 1],
])('%j is not TOML: line %d', (text, line) => {
  const error = (() => {
    try {
      parseToml(text);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(TomlSyntaxError);
  expect(error).toMatchObject({ line, column: expect.any(Number), message: expect.any(String) });
});

test.each([
  ['lists', `a = ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ['tables', `a = ${'{a='.repeat(20_000)}1${'}'.repeat(20_000)}`],
  ['not so many tables', `a = ${'{a='.repeat(2_000)}1${'}'.repeat(2_000)}`],
  ['names', `a${'.a'.repeat(5_000)} = 1`],
  ['a header', `[a${'.a'.repeat(5_000)}]`],
])('what is nested too deeply is refused: %s', (_, text) => {
  expect(() => parseToml(`b = 1\n${text}\n`)).toThrow(TomlSyntaxError);
});
