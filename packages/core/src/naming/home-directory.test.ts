import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { homeDirectory } from './home-directory.ts';
import { stateDirectory } from './state-directory.ts';

afterEach(() => vi.unstubAllEnvs());

test('is HOME where that names a directory', () => {
  vi.stubEnv('HOME', '/home/ann');
  expect(homeDirectory()).toBe('/home/ann');
  expect(homeDirectory('/home/bob')).toBe('/home/bob');
});

test.each(['', '.', 'home'])('never lies in the working directory: HOME=%j', (home) => {
  vi.stubEnv('HOME', home);
  const { homedir } = userInfo();
  expect([homeDirectory(), homeDirectory(home)]).toEqual([homedir, homedir]);
  expect(stateDirectory({})).toBe(join(homedir, '.local/state/sandbox'));
});
