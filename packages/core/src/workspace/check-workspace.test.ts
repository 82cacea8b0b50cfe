import { mkdir, mkdtemp, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkWorkspace } from './check-workspace.ts';

let root: string;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'workspace-')));
  await mkdir(join(root, 'web/src'), { recursive: true });
  await mkdir(join(root, 'engine'));
  await writeFile(join(root, 'file'), '');
  await symlink('web', join(root, 'link'));
  await symlink('/proc', join(root, 'escape'));
  await symlink('engine', join(root, 'socket'));
  await symlink('loop', join(root, 'loop'));
});

afterAll(() => rm(root, { recursive: true }));

test('a directory: its real path, its owner, and what tells it from others', async () => {
  const { uid, gid, dev, ino } = await stat(join(root, 'web'));
  const expected = { path: join(root, 'web'), owner: { uid, gid }, device: dev, inode: ino };
  expect(await checkWorkspace(join(root, 'web'))).toEqual(expected);
  expect(await checkWorkspace(join(root, 'link'))).toEqual(expected);
  expect(await checkWorkspace(`${root}/web/src/..`)).toEqual(expected);
});

test.each([
  ['web', 'INVALID_ARGUMENT', 'absolute'],
  ['./web', 'INVALID_ARGUMENT', 'absolute'],
  ['', 'INVALID_ARGUMENT', 'absolute'],
  ['/tmp/a\0b', 'INVALID_ARGUMENT', 'absolute'],
  ['/', 'FAILED_PRECONDITION', 'whole file system'],
  ['/proc/self', 'FAILED_PRECONDITION', 'kernel'],
])('%j: %s', async (path, code, reason) => {
  await expect(checkWorkspace(path)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(reason),
    hint: expect.any(String),
  });
});

test.each([
  ['missing', 'NOT_FOUND', 'not there'],
  ['file/x', 'NOT_FOUND', 'not there'],
  ['file', 'FAILED_PRECONDITION', 'not a directory'],
  ['escape', 'FAILED_PRECONDITION', 'leads to /proc'],
  ['loop', 'FAILED_PRECONDITION', 'ELOOP'],
])('%s in a directory: %s', async (name, code, reason) => {
  await expect(checkWorkspace(join(root, name))).rejects.toMatchObject({
    code,
    message: expect.stringContaining(reason),
  });
});

test('a protected path is found behind a link, and before it is there', async () => {
  const what = 'where an engine has its socket';
  const check = (path: string, protectedPath: string) =>
    checkWorkspace(join(root, path), { protectedPaths: [{ path: join(root, protectedPath), what }] });
  await expect(check('engine', 'socket')).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining(what),
  });
  await expect(check('web', 'link/state/later')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await expect(check('web', 'engine')).resolves.toMatchObject({ path: join(root, 'web') });
});

test('within roots: what lies in one, or is one', async () => {
  const roots = [join(root, 'engine'), join(root, 'web')];
  expect(await checkWorkspace(join(root, 'web'), { roots })).toMatchObject({ path: join(root, 'web') });
  expect(await checkWorkspace(join(root, 'link/src'), { roots })).toMatchObject({
    path: join(root, 'web/src'),
  });
});

test.each([
  ['a neighbour whose name begins alike', 'web2', ['web']],
  ['up and out again', 'web/../engine', ['web']],
  ['a link that leads out', 'web/out', ['web']],
  ['what is not there', 'elsewhere', ['web']],
  ['no roots', 'web', []],
  ['the whole machine as a root', 'web', ['/']],
  ['a root that is a link to it', 'web', ['link']],
])('outside of the roots: %s', async (_, path, roots) => {
  await mkdir(join(root, 'web2'), { recursive: true });
  await symlink('/etc', join(root, 'web/out')).catch(() => {});
  const given = roots.map((name) => (name === '/' ? '/' : join(root, name)));
  // Not with `join`, which would take the dots away.
  await expect(checkWorkspace(`${root}/${path}`, { roots: given })).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    hint: expect.stringContaining('workspace_roots'),
  });
});

test('a directory that is exchanged all the time is never one outside of the roots', async () => {
  const inside = join(root, 'web/here');
  const swap = join(root, 'web/swap');
  await mkdir(inside);
  const { ino } = await stat(join(root, 'engine'));
  let going = true;
  let rounds = 0;
  const exchange = (async () => {
    while (going) {
      await rename(inside, swap);
      await symlink(join(root, 'engine'), inside);
      await rm(inside);
      await rename(swap, inside);
      // Now it is there for a while, longer each time.
      for (let turn = 0; turn < rounds % 200; turn += 1) await setImmediate();
      rounds += 1;
    }
  })();
  let accepted = 0;
  // Until it has been seen there too: an exchange can go on through all of them.
  for (let count = 0; count < 300 || accepted === 0; count += 1) {
    const checked = await checkWorkspace(inside, { roots: [join(root, 'web')] }).catch(() => null);
    if (checked === null) continue;
    accepted += 1;
    expect(checked).toMatchObject({ path: inside });
    expect(checked.inode).not.toBe(ino);
  }
  going = false;
  await exchange;
});
