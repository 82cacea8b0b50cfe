import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configCandidates, findConfigFile } from './find-file.ts';

const place = { cwd: '/work', home: '/home/ann' };

describe('where it is looked for', () => {
  test.each([
    [{ file: 'x.toml', env: { SANDBOX_CONFIG: '/y' } }, ['/work/x.toml'], '--config'],
    [{ file: '/x.toml', env: {} }, ['/x.toml'], '--config'],
    [{ env: { SANDBOX_CONFIG: '/y', XDG_CONFIG_HOME: '/xdg' } }, ['/y'], 'SANDBOX_CONFIG'],
    [{ env: { SANDBOX_CONFIG: 'y' } }, ['/work/y'], 'SANDBOX_CONFIG'],
    [
      { env: { SANDBOX_CONFIG: '', XDG_CONFIG_HOME: '/xdg' } },
      ['/xdg/sandbox/sandbox.toml', '/etc/sandbox/sandbox.toml'],
      null,
    ],
    [{ env: {} }, ['/home/ann/.config/sandbox/sandbox.toml', '/etc/sandbox/sandbox.toml'], null],
    // A relative one would lead into the working directory.
    [
      { env: { XDG_CONFIG_HOME: '.' } },
      ['/home/ann/.config/sandbox/sandbox.toml', '/etc/sandbox/sandbox.toml'],
      null,
    ],
    // So would this.
    [
      { env: {}, home: '' },
      [join(userInfo().homedir, '.config/sandbox/sandbox.toml'), '/etc/sandbox/sandbox.toml'],
      null,
    ],
  ] as const)('%j', (options, candidates, namedBy) => {
    expect(configCandidates({ ...place, ...options })).toEqual({ candidates, namedBy });
  });
});

describe('what is found', () => {
  let base: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'find-file-'));
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  const write = (...path: string[]) => {
    const file = join(base, ...path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '');
    return file;
  };
  const find = (env: Record<string, string> = {}) =>
    findConfigFile(
      configCandidates({
        env,
        home: join(base, 'home'),
        cwd: join(base, 'cwd'),
        systemDirectory: join(base, 'etc'),
      }),
    );

  test('the user’s own before the machine’s, and nothing in the working directory', () => {
    write('cwd', 'sandbox.toml');
    write('cwd', 'sandbox', 'sandbox.toml');
    write('cwd', '.config', 'sandbox', 'sandbox.toml');
    expect(find()).toBeNull();
    const system = write('etc', 'sandbox', 'sandbox.toml');
    expect(find()).toBe(system);
    const own = write('home', '.config', 'sandbox', 'sandbox.toml');
    expect(find()).toBe(own);
    expect(find({ XDG_CONFIG_HOME: join(base, 'xdg') })).toBe(system);
    expect(find({ XDG_CONFIG_HOME: join(base, 'home', '.config') })).toBe(own);
  });

  test('/dev/null is none', () => {
    write('etc', 'sandbox', 'sandbox.toml');
    expect(find({ SANDBOX_CONFIG: '/dev/null' })).toBeNull();
  });

  test('one that is named counts also where it is not there', () => {
    write('etc', 'sandbox', 'sandbox.toml');
    expect(find({ SANDBOX_CONFIG: join(base, 'gone.toml') })).toBe(join(base, 'gone.toml'));
  });
});
