import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfigFile } from './read-file.ts';

let base: string;
let file: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'read-file-'));
  file = join(base, 'sandbox.toml');
  writeFileSync(file, '[sandbox]\n', { mode: 0o644 });
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const read = (named = false, path = file) => readConfigFile(path, { named });
const refused = (what: string) =>
  expect.objectContaining({ code: 'FAILED_PRECONDITION', message: expect.stringContaining(what) });
const isRoot = process.getuid?.() === 0;

test('an ordinary file', async () => {
  expect(await read()).toEqual({ text: '[sandbox]\n', warnings: [] });
});

test.each(['sandbox.toml', "it's a $(file).toml", '-r'])(
  'one that everybody may write to is refused, named or not, and the hint mends it: %s',
  async (name) => {
    rmSync(file);
    file = join(base, name);
    writeFileSync(file, '[sandbox]\n');
    chmodSync(file, 0o646);
    for (const named of [true, false]) {
      await expect(read(named)).rejects.toEqual(refused('everybody may write to it'));
    }
    const { hint } = await read().catch((error) => error);
    expect(spawnSync('sh', ['-c', hint.replace('Run: ', '')]).status).toBe(0);
    expect((await read()).text).toBe('[sandbox]\n');
  },
);

test('one in a directory where everybody may exchange it is refused', async () => {
  chmodSync(base, 0o777);
  await expect(read()).rejects.toEqual(refused('everybody may exchange it'));
  // As /tmp is: nobody but the owner of a file may take it away.
  chmodSync(base, 0o1777);
  expect((await read()).warnings).toEqual([]);
});

test('one below a directory where everybody may exchange the way to it is refused', async () => {
  const open = join(base, 'open');
  const below = join(open, 'own', 'sandbox');
  mkdirSync(below, { recursive: true });
  writeFileSync(join(below, 'sandbox.toml'), '[sandbox]\n');
  symlinkSync(join(below, 'sandbox.toml'), join(base, 'link.toml'));
  chmodSync(open, 0o777);
  for (const path of [join(below, 'sandbox.toml'), join(base, 'link.toml')])
    await expect(read(true, path)).rejects.toEqual(refused(`may exchange it, in ${open}`));
  chmodSync(open, 0o1777);
  expect((await read(true, join(below, 'sandbox.toml'))).warnings).toEqual([]);
});

test('a link is judged by what it leads to, and by both places', async () => {
  const open = join(base, 'open');
  mkdirSync(open);
  const link = join(open, 'link.toml');
  symlinkSync(file, link);
  expect((await read(false, link)).text).toBe('[sandbox]\n');
  chmodSync(open, 0o777);
  await expect(read(false, link)).rejects.toEqual(refused(open));
  chmodSync(open, 0o755);
  chmodSync(file, 0o666);
  await expect(read(false, link)).rejects.toEqual(refused('everybody may write'));
});

test.runIf(isRoot)(
  'one of another user is refused where it was found, and told where it was named',
  async () => {
    chownSync(file, 12345, 0);
    await expect(read(false)).rejects.toEqual(refused('uid 12345'));
    expect((await read(true)).warnings).toEqual([expect.stringContaining('uid 12345')]);
  },
);

test.runIf(isRoot)('a group of others that may write to it is told', async () => {
  chmodSync(file, 0o664);
  expect((await read()).warnings).toEqual([]);
  chownSync(file, 0, 12345);
  expect((await read()).warnings).toEqual([expect.stringContaining('group 12345')]);
});

describe('what cannot be read', () => {
  test('is not there', async () => {
    await expect(read(true, join(base, 'gone'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(read(true, join(file, 'below'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('is a directory, a pipe, too large, or no text', async () => {
    await expect(read(true, base)).rejects.toEqual(refused('it is not a file'));
    const pipe = join(base, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    await expect(read(true, pipe)).rejects.toEqual(refused('it is not a file'));
    writeFileSync(file, 'x'.repeat(2 ** 20 + 1));
    await expect(read()).rejects.toEqual(refused('larger'));
    writeFileSync(file, Buffer.from([0xff, 0xfe]));
    await expect(read()).rejects.toEqual(refused('UTF-8'));
  });
});
