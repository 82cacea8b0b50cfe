/** Words that a shell, a template or a careless split would change, each by what is hard about it. */
export const hardArguments: readonly (readonly [id: string, word: string])[] = [
  ['empty', ''],
  ['a-space', ' '],
  ['spaces-inside', '  two  words  '],
  ['single-quotes', `it's 'quoted'`],
  ['double-quotes', `say "hello"`],
  ['a-newline', 'one\ntwo\n'],
  ['a-tab-and-a-return', 'a\tb\r\n'],
  ['a-variable', '$HOME ${PATH} $(id) `id`'],
  ['a-glob', '* ? [a-z] ~ /*'],
  ['backslashes', '\\ \\\\ \\n \\0'],
  ['shell-operators', '; rm -f x & | > < && ||'],
  ['an-option', '--'],
  ['a-percent-sign', '%s %d %%'],
  ['unicode', 'naïve 日本語 🦀 e\u0301'],
  ['control-characters', '\u0001\u001b[31m\u007f'],
  ['long', 'x'.repeat(100_000)],
];

export const hardEnvironment: readonly (readonly [id: string, value: string])[] = [
  ['empty', ''],
  ['with-equal-signs', 'a=b=c'],
  ['with-newlines', 'one\ntwo\n'],
  ['with-quotes', `'single' "double"`],
  ['with-a-variable', '$HOME `id` $(id)'],
  ['unicode', 'Grüße 日本語 🦀'],
  ['long', 'x'.repeat(50_000)],
];
