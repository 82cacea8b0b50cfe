import { describe, expect, it } from 'vitest';
import { builtInLanguages, createCatalog } from './index.ts';

describe('a catalog of languages', () => {
  it('finds a language by id and by alias', () => {
    expect(builtInLanguages.find('bash')?.id).toBe('bash');
    expect(builtInLanguages.find('shell')?.id).toBe('sh');
    expect(builtInLanguages.find('BASH')).toBeUndefined();
    expect(builtInLanguages.find('__proto__')).toBeUndefined();
  });

  it('refuses a name that two have', () => {
    const language = { id: 'a', fileName: 'main.a', command: () => ['a'] };
    expect(() => createCatalog([language, { ...language, id: 'b', aliases: ['a'] }])).toThrow('called a');
  });

  it('passes arguments on one by one', () => {
    expect(builtInLanguages.find('bash')?.command('main.bash', ['a b', '$(c)'])).toEqual([
      'bash',
      'main.bash',
      'a b',
      '$(c)',
    ]);
  });
});
