import fc from 'fast-check';
import { expect, test } from 'vitest';
import { validateCommand, validateEnv } from './command.ts';

const invalid = (message: RegExp, hint: RegExp = /./) =>
  expect.objectContaining({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });

test('a text gives the two ways to have a shell', () => {
  expect(() => validateCommand('npm test')).toThrow(
    invalid(/"npm test"/, /sandbox\.shell`.*`, or \['sh', '-c',/),
  );
});

test.each([
  [[], /empty/],
  [[''], /name of the program is empty/],
  [['a', 'b\0c'], /argument 1 .* NUL/],
  [['a', '\ud800'], /argument 1 .* surrogate/],
  [['a', 1], /argument 1 .* number/],
  [['a', null], /argument 1 .* null/],
  [['a', ['b']], /argument 1 .* list/],
  [null, /list of arguments/],
  [undefined, /list of arguments/],
  [{ 0: 'a', length: 1 }, /list of arguments/],
])('%j is no command', (command, message) => {
  expect(() => validateCommand(command)).toThrow(invalid(message));
});

test('every list of texts is passed as it is', () => {
  const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && value.isWellFormed());
  fc.assert(
    fc.property(fc.array(text), (rest) => {
      const command = ['program', ...rest];
      expect(validateCommand(command)).toBe(command);
    }),
  );
});

test.each([
  [{ '': '1' }, /"" is not a name/],
  [{ 'A=B': '1' }, /"A=B" is not a name/],
  [{ 'A\0': '1' }, /NUL/],
  [{ A: 'b\0' }, /value of A contains a NUL/],
  [{ A: '\udc00' }, /value of A .* surrogate/],
  [{ A: 1 }, /A is not a text but number/],
  [{ A: undefined }, /A is not a text but undefined/],
  [['A=1'], /not an object/],
  [null, /not an object/],
])('%j is no environment', (env, message) => {
  expect(() => validateEnv(env)).toThrow(invalid(message));
});

test('odd names that Linux allows are allowed', () => {
  const env = { 'npm_config_//registry': 'x', 'a b': '', 'ü.-': '=' };
  expect(validateEnv(env)).toBe(env);
});
