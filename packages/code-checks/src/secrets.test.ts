import { expect, test } from 'vitest';
import { findSecrets } from './secrets.ts';

const TOKEN = `ghp_${'aB3dE5'.repeat(6)}`;
const placesIn = async (code: string) =>
  (await findSecrets(code, 10)).map(({ rule, line, column }) => `${rule} ${line}:${column}`);

test.each([
  ['one line', `x = "${TOKEN}" # secretlint-disable-line`, '1:6'],
  ['the next', `# secretlint-disable-next-line\nx = "${TOKEN}"`, '2:6'],
  ['all', `# secretlint-disable\nx = "${TOKEN}"`, '2:6'],
  ['one kind', `# secretlint-disable @secretlint/secretlint-rule-github\nx = "${TOKEN}"`, '2:6'],
])('the code does not decide what is looked for: %s', async (_, code, place) => {
  expect(await placesIn(code)).toEqual([`secret/github ${place}`]);
});

test('lines end where they end for the parser, and for editors', async () => {
  expect(await placesIn(`a\u2028b\u2029c\r\n\r\nx = "${TOKEN}"`)).toEqual(['secret/github 3:6']);
  expect(await placesIn(`\n${TOKEN}\n\n${TOKEN}`)).toEqual(['secret/github 2:1', 'secret/github 4:1']);
  expect(await placesIn(`"😀"; "${TOKEN}"`)).toEqual(['secret/github 1:8']);
});
