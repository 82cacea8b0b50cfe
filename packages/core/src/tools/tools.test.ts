import { expect, test } from 'vitest';
import { TOOLS, toolNames, toolOf } from './tools.ts';

test('true means the usual tools, false none, and a list what it says, once and in order', () => {
  expect(toolNames(true)).toEqual([
    ...['build-essential', 'curl', 'git', 'nano', 'nodejs', 'python3', 'rust', 'vim', 'wget'],
  ]);
  expect(toolNames(false)).toEqual([]);
  expect(toolNames([])).toEqual([]);
  expect(toolNames(['wget', 'curl', 'wget'])).toEqual(['curl', 'wget']);
  expect(toolNames(['git', 'g++', 'python3.11'])).toEqual(['g++', 'git', 'python3.11']);
});

test.each([
  ...['', ' ', '-y', '--purge', 'curl-', 'a b', 'a\nb', 'a;b', '$(id)', 'a|b', 'a/b', '@group', '!a', 'a=1'],
  ...['a'.repeat(65), 'ä', '.', 7, null],
])('%j is no tool', (name) => {
  expect(() => toolNames([name as string])).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining('build-essential') }),
  );
});

test.each(['curl', {}, null, 1])('%j is no list', (input) => {
  expect(() => toolNames(input as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test('each tool has commands to find it by, and packages everywhere', () => {
  for (const { commands, packages } of Object.values(TOOLS))
    for (const list of [commands, ...Object.values(packages)]) expect(list.length).toBeGreaterThan(0);
});

test('another name is that of a package, whatever objects inherit', () => {
  expect(toolOf('jq')).toMatchObject({
    commands: ['jq'],
    packages: { apt: ['jq'], apk: ['jq'], dnf: ['jq'] },
  });
  expect(toolOf('constructor').commands).toEqual(['constructor']);
});
