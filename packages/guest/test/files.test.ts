import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GuestFiles } from '../src/files.ts';
import { collect } from './collect.ts';
import { type RealAgent, startAgent } from './real-agent.ts';
import { tarOf } from './tar-archive.ts';

let agent: RealAgent;
let files: GuestFiles;
/** A directory of each case's own. */
let root: string;
let cases = 0;

beforeAll(async () => {
  agent = await startAgent();
  files = agent.session.files;
});
afterAll(() => agent[Symbol.asyncDispose]());
beforeEach(() => {
  cases += 1;
  root = `${agent.directory}/case-${cases}`;
  mkdirSync(root);
});

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const bytesOf = async (path: string | Uint8Array, options = {}): Promise<Buffer> =>
  Buffer.concat(await collect(files.read(path, options)));
const names = async (path: string, options = {}): Promise<unknown[]> =>
  (await collect(files.list(path, options))).map(({ path: found }) => found);

describe('reading and writing', () => {
  it('takes any bytes there and back', async () => {
    expect(await files.write(`${root}/a`, ALL_BYTES)).toBe(256);
    expect(readFileSync(`${root}/a`).equals(ALL_BYTES)).toBe(true);
    const stream = files.read(`${root}/a`);
    expect(Buffer.concat(await collect(stream)).equals(ALL_BYTES)).toBe(true);
    expect(await stream.size).toBe(256);
  });

  it('reads a part', async () => {
    await files.write(`${root}/a`, '0123456789');
    expect((await bytesOf(`${root}/a`, { offset: 3 })).toString()).toBe('3456789');
    expect((await bytesOf(`${root}/a`, { length: 4 })).toString()).toBe('0123');
    expect((await bytesOf(`${root}/a`, { offset: 8, length: 10 })).toString()).toBe('89');
    expect((await bytesOf(`${root}/a`, { offset: 20 })).toString()).toBe('');
    expect((await bytesOf(`${root}/a`, { length: 0 })).toString()).toBe('');
  });

  it('moves 50 MB each way, as a stream', async () => {
    const chunk = Buffer.alloc(1_000_000, 'abcdefg');
    const body = (async function* () {
      for (let n = 0; n < 50; n += 1) yield chunk;
    })();
    expect(await files.write(`${root}/large`, body)).toBe(50_000_000);
    let length = 0;
    for await (const piece of files.read(`${root}/large`)) length += piece.length;
    expect(length).toBe(50_000_000);
  });

  it('writes empty files, replaces, appends, and sets the mode', async () => {
    await files.write(`${root}/a`, '');
    expect(statSync(`${root}/a`).size).toBe(0);
    await files.write(`${root}/a`, 'a long first content', { mode: 0o640 });
    await files.write(`${root}/a`, 'new');
    await files.write(`${root}/a`, 'er', { append: true });
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('newer');
    await files.write(`${root}/b`, '', { mode: 0o751 });
    expect(statSync(`${root}/b`).mode & 0o7777).toBe(0o751);
  });

  it('makes the directories above only when told to', async () => {
    await expect(files.write(`${root}/x/y/z`, 'a')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errno: 'ENOENT',
      operation: 'write',
    });
    await files.write(`${root}/x/y/z`, 'a', { parents: true });
    expect(readFileSync(`${root}/x/y/z`, 'utf8')).toBe('a');
  });

  it('refuses what exists when it is to be new', async () => {
    await files.write(`${root}/a`, 'first', { exclusive: true });
    await expect(files.write(`${root}/a`, 'second', { exclusive: true })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    expect(readFileSync(`${root}/a`, 'utf8')).toBe('first');
  });

  it('says what is wrong with a path', async () => {
    const reading = bytesOf(`${root}/none`);
    await expect(reading).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errno: 'ENOENT',
      path: `${root}/none`,
      operation: 'read',
    });
    await expect(bytesOf(root)).rejects.toMatchObject({ errno: 'EISDIR' });
    await expect(files.write(root, 'x')).rejects.toMatchObject({ errno: 'EISDIR' });
    writeFileSync(`${root}/file`, '');
    await expect(files.stat(`${root}/file/below`)).rejects.toMatchObject({ errno: 'ENOTDIR' });
    await expect(files.stat(`${root}/${'n'.repeat(300)}`)).rejects.toMatchObject({ errno: 'ENAMETOOLONG' });
  });

  it('stops when the reader has enough', async () => {
    writeFileSync(`${root}/large`, Buffer.alloc(20_000_000));
    for await (const _ of files.read(`${root}/large`)) break;
    await until(() => agent.session.running === 0);
  });

  it('stops a write that is aborted', async () => {
    const controller = new AbortController();
    const body = (async function* () {
      yield 'some';
      controller.abort(new Error('enough'));
      await new Promise(() => {});
    })();
    await expect(files.write(`${root}/a`, body, { signal: controller.signal })).rejects.toThrow('enough');
    await until(() => agent.session.running === 0);
  });

  it('starts relative paths at the working directory', async () => {
    await files.write('relative', 'x');
    expect(readFileSync(`${agent.directory}/relative`, 'utf8')).toBe('x');
  });
});

describe('names', () => {
  it.each(['ünïcödé', '日本語', '🚀', ' spaces ', 'new\nline', '-rf', 'quote\'"`$x', '*'])(
    '%j goes there and back',
    async (name) => {
      await files.write(`${root}/${name}`, 'x');
      expect(readdirSync(root)).toEqual([name]);
      expect((await collect(files.list(root)))[0]).toMatchObject({ name, path: `${root}/${name}` });
      expect((await files.stat(`${root}/${name}`)).name).toBe(name);
      await files.remove(`${root}/${name}`);
      expect(readdirSync(root)).toEqual([]);
    },
  );

  it('may be bytes that are no UTF-8', async () => {
    const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x20, 0xfe])]);
    await files.write(path, 'x');
    const [entry] = await collect(files.list(root));
    expect(entry?.name).toEqual(new Uint8Array([0xff, 0x20, 0xfe]));
    expect(entry?.path).toEqual(new Uint8Array(path));
    expect((await bytesOf(entry?.path as Uint8Array)).toString()).toBe('x');
    const moved = Buffer.concat([path, Buffer.from([0x80])]);
    await files.rename(path, moved);
    await expect(files.stat(path)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      path: `${root}/\ufffd \ufffd`,
    });
    await files.remove(moved);
  });
});

describe('directories', () => {
  it('are listed in the order of their names, with what stat says', async () => {
    for (const name of ['b', 'a', 'Z', 'ä', 'a.b', '10']) writeFileSync(`${root}/${name}`, name);
    mkdirSync(`${root}/dir`);
    symlinkSync('/nowhere', `${root}/link`);
    const entries = await collect(files.list(root));
    expect(entries.map(({ name }) => name)).toEqual(['10', 'Z', 'a', 'a.b', 'b', 'dir', 'link', 'ä']);
    expect(entries.map(({ type }) => type)).toEqual([
      'file',
      'file',
      'file',
      'file',
      'file',
      'directory',
      'symlink',
      'file',
    ]);
    expect(entries.find(({ name }) => name === 'link')?.target).toBe('/nowhere');
    expect(entries.find(({ name }) => name === 'ä')?.size).toBe(2);
  });

  it('are listed with all below them, not following symlinks', async () => {
    mkdirSync(`${root}/a/b`, { recursive: true });
    writeFileSync(`${root}/a/b/c`, '');
    writeFileSync(`${root}/d`, '');
    symlinkSync('/', `${root}/e`);
    expect(await names(root, { recursive: true })).toEqual([
      `${root}/a`,
      `${root}/a/b`,
      `${root}/a/b/c`,
      `${root}/d`,
      `${root}/e`,
    ]);
    expect(await names(`${root}/a`)).toEqual([`${root}/a/b`]);
  });

  it('may hold more than a window of names, for a reader as slow as it likes', async () => {
    for (let n = 0; n < 10_000; n += 1)
      writeFileSync(`${root}/file-with-a-rather-long-name-${String(n).padStart(5, '0')}`, '');
    let count = 0;
    for await (const { name } of files.list(root)) {
      expect(name).toBe(`file-with-a-rather-long-name-${String(count).padStart(5, '0')}`);
      count += 1;
      if (count % 1_000 === 0) await agent.session.ping();
    }
    expect(count).toBe(10_000);
    for await (const _ of files.list(root)) break;
    await until(() => agent.session.running === 0);
  });

  it('are made and removed', async () => {
    await expect(files.mkdir(`${root}/a/b`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await files.mkdir(`${root}/a/b`, { parents: true, mode: 0o700 });
    await files.mkdir(`${root}/a/b`, { parents: true });
    expect(statSync(`${root}/a/b`).mode & 0o777).toBe(0o700);
    await expect(files.mkdir(`${root}/a`)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(files.remove(`${root}/a`)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      errno: 'ENOTEMPTY',
    });
    await files.remove(`${root}/a`, { recursive: true });
    await expect(files.remove(`${root}/a`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await files.remove(`${root}/a`, { force: true });
    await files.remove(`${root}/a/b`, { force: true, recursive: true });
  });

  it('are removed without following symlinks', async () => {
    mkdirSync(`${root}/kept`);
    writeFileSync(`${root}/kept/file`, '');
    mkdirSync(`${root}/gone`);
    symlinkSync(`${root}/kept`, `${root}/gone/link`);
    symlinkSync(`${root}/kept`, `${root}/link`);
    await files.remove(`${root}/gone`, { recursive: true });
    await files.remove(`${root}/link`, { recursive: true });
    expect(readdirSync(`${root}/kept`)).toEqual(['file']);
    expect(readdirSync(root)).toEqual(['kept']);
  });
});

describe('stat and rename', () => {
  it('says what is there', async () => {
    writeFileSync(`${root}/a`, 'abc', { mode: 0o640 });
    symlinkSync('a', `${root}/link`);
    const real = statSync(`${root}/a`);
    const stat = await files.stat(`${root}/a`);
    expect(stat).toMatchObject({
      name: 'a',
      path: `${root}/a`,
      type: 'file',
      size: 3,
      mode: 0o640,
      uid: real.uid,
      gid: real.gid,
    });
    expect(stat).toMatchObject({ dev: real.dev, ino: real.ino, nlink: 1 });
    expect(Math.abs(stat.mtimeMs - real.mtimeMs)).toBeLessThan(1);
    expect(await files.stat(`${root}/link`)).toMatchObject({ type: 'symlink', target: 'a' });
    expect(await files.stat(`${root}/link`, { follow: true })).toMatchObject({ type: 'file', size: 3 });
    expect((await files.stat('/dev/null')).type).toBe('device');
    expect((await files.stat('/')).type).toBe('directory');
  });

  it('replaces only what it may', async () => {
    await files.write(`${root}/a`, 'a');
    await files.write(`${root}/b`, 'b');
    await expect(files.rename(`${root}/a`, `${root}/b`, { overwrite: false })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    await files.rename(`${root}/a`, `${root}/b`, { overwrite: true });
    expect(readFileSync(`${root}/b`, 'utf8')).toBe('a');
    await files.rename(`${root}/b`, `${root}/c`);
    expect(readdirSync(root)).toEqual(['c']);
  });
});

describe('archives', () => {
  it('bring 1,000 files in and out', async () => {
    mkdirSync(`${root}/source/sub`, { recursive: true });
    for (let n = 0; n < 1_000; n += 1) writeFileSync(`${root}/source/sub/${n}`, Buffer.alloc(10_240, n));
    symlinkSync('sub/1', `${root}/source/link`);
    const archive = execFileSync('tar', ['-C', `${root}/source`, '-cf', '-', '.'], { maxBuffer: 1 << 26 });
    const summary = await files.tarIn(`${root}/target`, archive, { parents: true });
    expect(summary.entries).toBeGreaterThanOrEqual(1_002);
    expect(readdirSync(`${root}/target/sub`)).toHaveLength(1_000);
    execFileSync('diff', ['-r', `${root}/source`, `${root}/target`]);

    const stream = files.tarOut(`${root}/target`);
    const back = Buffer.concat(await collect(stream));
    expect((await stream.summary).entries).toBeGreaterThanOrEqual(1_002);
    mkdirSync(`${root}/back`);
    execFileSync('tar', ['-C', `${root}/back`, '-xf', '-'], { input: back });
    execFileSync('diff', ['-r', `${root}/source`, `${root}/back`]);
  });

  it('may be followed by any padding', async () => {
    const archive = Buffer.concat([tarOf([{ name: 'a', body: 'x' }]), Buffer.alloc(2_000_000)]);
    expect((await files.tarIn(`${root}/t`, archive, { parents: true })).entries).toBe(1);
  }, 5_000);

  it('hold names of any bytes, modes and large names', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(200)}`;
    await files.write(`${root}/in/${long}`, 'x', { parents: true, mode: 0o700 });
    await files.write(Buffer.concat([Buffer.from(`${root}/in/`), Buffer.from([0xff])]), 'y');
    const archive = Buffer.concat(await collect(files.tarOut(`${root}/in`)));
    await files.tarIn(`${root}/out`, archive, { parents: true });
    execFileSync('diff', ['-r', `${root}/in`, `${root}/out`]);
    expect(statSync(`${root}/out/${long}`).mode & 0o777).toBe(0o700);
  });

  it('pack named entries, or a single file', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(`${root}/${name}`, name);
    const listed = async (stream: AsyncIterable<Uint8Array>): Promise<string> =>
      execFileSync('tar', ['-tf', '-'], { input: Buffer.concat(await collect(stream)) }).toString();
    expect(await listed(files.tarOut(root, { names: ['c', 'a'] }))).toMatch(/^(\.\/)?c\n(\.\/)?a\n$/);
    expect(await listed(files.tarOut(`${root}/b`))).toMatch(/^b\n$/);
    await expect(collect(files.tarOut(root, { names: ['../x'] }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(collect(files.tarOut(`${root}/none`))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it.each([
    ['..', tarOf([{ name: '../outside', body: 'x' }])],
    ['.. in the middle', tarOf([{ name: 'a/../../outside', body: 'x' }])],
    ['an absolute name', tarOf([{ name: `/tmp/outside-${process.pid}`, body: 'x' }])],
    [
      'a symlink that leads out',
      tarOf([
        { name: 'link', link: '..' },
        { name: 'link/outside', body: 'x' },
      ]),
    ],
    [
      'an absolute symlink',
      tarOf([
        { name: 'link', link: '/tmp' },
        { name: `link/outside-${process.pid}`, body: 'x' },
      ]),
    ],
    ['a hard link that leads out', tarOf([{ name: 'link', link: '../secret', hard: true }])],
  ])('are refused with %s', async (_name, archive) => {
    mkdirSync(`${root}/target`);
    writeFileSync(`${root}/secret`, 'secret');
    await expect(files.tarIn(`${root}/target`, archive)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      operation: 'tar-in',
    });
    expect(readdirSync(root).sort()).toEqual(['secret', 'target']);
    expect(readdirSync('/tmp').includes(`outside-${process.pid}`)).toBe(false);
  });

  it('are refused when they are cut or no archives', async () => {
    const whole = tarOf([{ name: 'a', body: 'x'.repeat(5_000) }]);
    await expect(files.tarIn(`${root}/t`, whole.subarray(0, 2_000), { parents: true })).rejects.toMatchObject(
      { code: 'INVALID_ARGUMENT' },
    );
    await expect(files.tarIn(`${root}/t`, Buffer.alloc(2_048, 'x'), { parents: true })).rejects.toMatchObject(
      { code: 'INVALID_ARGUMENT' },
    );
    await expect(files.tarIn(`${root}/none`, whole)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 500 && !condition(); n += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}
