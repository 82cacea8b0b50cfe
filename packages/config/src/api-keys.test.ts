import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApiKey, withApiKey, withoutApiKey } from './api-keys.ts';
import { parseConfig } from './parse-config.ts';

const keysOf = (text: string) =>
  (parseConfig(text, 'sandbox.toml').values.keys ?? []).map(({ user }) => user);
const add = (text: string, user: string) => withApiKey(text, createApiKey(user).kept);

describe('keys of the service', () => {
  it('have 256 random bits, and are kept as their hash', () => {
    const { key, kept } = createApiKey('alice', new Date('2026-01-31T12:00:00Z'));
    expect(key).toMatch(/^sbx_[a-z0-9]{8}_[\w-]{43}$/);
    expect(kept).toEqual({
      id: key.slice(4, 12),
      user: 'alice',
      hash: createHash('sha256').update(key).digest('hex'),
      created: '2026-01-31',
    });
    expect(createApiKey('alice').key).not.toBe(key);
  });

  it.each([
    ['nothing', ''],
    ['no line end', '[sandbox]\nmemory = "1g"'],
    ['a table at the end', '# mine\n[runtimes.docker]\nsocket_path = "/x"\n'],
    ['CRLF', '[sandbox]\r\nmemory = "1g"\r\n'],
  ])('come after %s and go again without a trace', (_, before) => {
    const one = add(before, 'alice');
    const two = add(one, 'we"ird \\ user');
    expect(keysOf(two)).toEqual(['alice', 'we"ird \\ user']);
    expect(two.startsWith(before)).toBe(true);
    const left = withoutApiKey(two, 0);
    expect(keysOf(left)).toEqual(['we"ird \\ user']);
    const none = withoutApiKey(left, 0);
    expect(keysOf(none)).toEqual([]);
    expect(none.trim()).toBe(before.trim());
  });

  it('leave what stands between and after them alone', () => {
    const text = `${add('', 'alice')}\n# about bob\n[[users]]\nname = "bob"\n`;
    expect(withoutApiKey(text, 0)).toBe('# about bob\n[[users]]\nname = "bob"\n');
    expect(() => withoutApiKey('keys = [{ id = "a" }]', 0)).toThrow('[[keys]] table');
  });

  it('are not added to a list that is written in one line', () => {
    for (const text of ['keys = []\n', 'keys = [{ id = "a" }]\n'])
      expect(() => add(text, 'alice')).toThrow('[[keys]] table');
    expect(keysOf(add('[runtimes.x]\nkeys = [1]\n', 'alice'))).toEqual(['alice']);
  });

  it('go from a file that begins with a byte order mark', () => {
    const text = add('\uFEFF[sandbox]\nmemory = "1g"\n', 'alice');
    expect(withoutApiKey(text, 0)).toBe('\uFEFF[sandbox]\nmemory = "1g"\n');
  });

  it('that cannot be are refused by line', () => {
    const { kept } = createApiKey('alice');
    const twice = withApiKey(withApiKey('', kept), kept);
    expect(() => parseConfig(twice, 'f')).toThrow('is there twice');
    expect(() => parseConfig(withApiKey('', { ...kept, hash: 'abc' }), 'f')).toThrow('SHA-256');
    expect(() => parseConfig('[[keys]]\nid = "abcdefgh"\n', 'f')).toThrow('user is missing');
  });

  it('come with roots that are directories', () => {
    const roots = (value: string) =>
      parseConfig(`[[users]]\nname = "alice"\nworkspace_roots = ${value}\n`, 'f').values.users?.[0];
    expect(roots('["/srv/alice"]')?.workspace_roots).toEqual(['/srv/alice']);
    for (const bad of ['"/srv"', '["/"]', '["srv"]', '["/srv/../etc"]', '["/srv/"]', '[1]'])
      expect(() => roots(bad)).toThrow('workspace_roots');
  });
});
