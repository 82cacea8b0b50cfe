import { describe, expect, it } from 'vitest';
import { UsageError } from '../usage-error.ts';
import { candidates, defaultWorkspace } from './default-workspace.ts';
import { whyNotByDefault } from './not-by-default.ts';

const home = '/home/ann';
const choose = (cwd: string, { repositories = [] as string[], sandboxes = [] as string[] } = {}) =>
  defaultWorkspace({
    cwd,
    home,
    isRepository: (path) => repositories.includes(path),
    hasSandbox: (path) => sandboxes.includes(path),
  });

describe('the default workspace', () => {
  it.each([
    ['here, where nothing is above', '/home/ann/notes/today', {}, '/home/ann/notes/today'],
    ['the repository here', '/home/ann/web', { repositories: ['/home/ann/web'] }, '/home/ann/web'],
    ['the repository above', '/home/ann/web/src/a', { repositories: ['/home/ann/web'] }, '/home/ann/web'],
    ['what has a sandbox above', '/home/ann/web/src', { sandboxes: ['/home/ann/web'] }, '/home/ann/web'],
    [
      'the sandbox that is nearer than the repository',
      '/home/ann/web/part/src',
      { repositories: ['/home/ann/web'], sandboxes: ['/home/ann/web/part'] },
      '/home/ann/web/part',
    ],
    [
      'the repository that is nearer than the sandbox',
      '/home/ann/web/part/src',
      { repositories: ['/home/ann/web/part'], sandboxes: ['/home/ann/web'] },
      '/home/ann/web/part',
    ],
    ['never the home above', '/home/ann/web', { repositories: [home], sandboxes: [home] }, '/home/ann/web'],
    ['nor the system above', '/srv/web', { repositories: ['/srv', '/'], sandboxes: ['/srv'] }, '/srv/web'],
    ['nothing that only starts alike', '/home/ann/web', { repositories: ['/home/ann/we'] }, '/home/ann/web'],
  ])('is %s', (_which, cwd, around, expected) => {
    expect(choose(cwd, around)).toBe(expected);
  });

  it.each([home, '/home', '/'])('is refused at %s, which cannot be named either', (cwd) => {
    const around = { repositories: [cwd], sandboxes: [cwd] };
    expect(() => choose(cwd, around)).toThrow(UsageError);
    expect(() => choose(cwd, around)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/--workspace DIR\.$/) }),
    );
  });

  it.each(['/home/bob', '/root', '/etc', '/etc/nginx', '/usr/bin', '/tmp', '/var/log'])(
    'is refused at %s, even where that has a sandbox, with how to name it',
    (cwd) => {
      const around = { repositories: [cwd], sandboxes: [cwd] };
      expect(() => choose(cwd, around)).toThrow(UsageError);
      expect(() => choose(cwd, around)).toThrow(
        expect.objectContaining({ hint: expect.stringContaining(`--workspace ${cwd}`) }),
      );
    },
  );

  it('is named in words that a shell takes as one', () => {
    expect(() =>
      defaultWorkspace({ cwd: "/home/a'b c", home, isRepository: () => false, hasSandbox: () => false }),
    ).toThrow(expect.objectContaining({ hint: expect.stringContaining("--workspace '/home/a'\\''b c'") }));
  });
});

describe('a directory that is no workspace by default', () => {
  it.each([
    [home, 'your home directory'],
    ['/home', 'your home directory lies in it'],
    ['/', 'your home directory lies in it'],
    ['/home/bob', 'a home directory'],
    ['/Users/bob', 'a home directory'],
    ['/root', 'a home directory'],
  ])('%s: it is %s', (path, why) => {
    expect(whyNotByDefault(path, home)).toContain(why);
  });

  it.each(
    [
      '/bin /boot /dev /etc /etc/systemd/user /lib/x /proc/1 /usr /usr/lib/node /usr/share/doc',
      '/opt /srv /tmp /mnt /media /var /var/lib /var/tmp /usr/local /usr/local/bin',
      '/Users /Library/Fonts /System /private/tmp /Applications',
    ].flatMap((paths) => paths.split(' ')),
  )('%s: it is of the system', (path) => {
    expect(whyNotByDefault(path, home)).toContain('of the system');
  });

  it.each([
    '/home/ann/web',
    '/home/annabel/web',
    '/home/bob/web',
    '/root/web',
    '/Users/bob/web',
    '/opt/web',
    '/srv/web',
    '/tmp/web',
    '/private/tmp/web',
    '/var/www',
    '/var/lib/jenkins/workspace/web',
    '/usr/src/app',
    '/usr/local/src/web',
    '/mnt/disk',
    '/workspace',
    '/etcetera',
    '/librarian',
    '/rooted',
  ])('is not %s', (path) => {
    expect(whyNotByDefault(path, home)).toBeNull();
  });

  it('is the home wherever it lies, and what it lies in', () => {
    expect(whyNotByDefault('/data/users/ann', '/data/users/ann')).not.toBeNull();
    expect(whyNotByDefault('/data/users', '/data/users/ann')).not.toBeNull();
    expect(whyNotByDefault('/data/users/ann/web', '/data/users/ann')).toBeNull();
    expect(whyNotByDefault('/data/use', '/data/users/ann')).toBeNull();
  });
});

describe('where a workspace is looked for', () => {
  it('is from here upwards, up to the home', () => {
    expect(candidates('/home/ann/a/b', home)).toEqual(['/home/ann/a/b', '/home/ann/a']);
    expect(candidates('/opt/a/b', home)).toEqual(['/opt/a/b', '/opt/a']);
    expect(candidates(home, home)).toEqual([]);
  });
});
