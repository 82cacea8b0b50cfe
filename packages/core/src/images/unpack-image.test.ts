import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageStore } from '../adapter/images.ts';
import { type TarEntry, TarWriter } from '../transfer/tar-writer.ts';
import { readImageNotes } from './image-notes.ts';
import { type UnpackRequest, unpackImage } from './unpack-image.ts';

let base: string;
const at = (...names: string[]) => join(base, ...names);
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'unpack-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

type Item = { readonly header: TarEntry; readonly content?: string };
const file = (path: string, mode = 0o644, content = 'x'): Item => ({
  header: { path, type: 'File', mode },
  content,
});
const entry = (path: string, type: string, more: object = {}): Item => ({
  header: { path, type, mode: 0o755, ...more } as never,
});

function archive(items: readonly Item[]): Uint8Array {
  const tar = new TarWriter();
  for (const { header, content = '' } of items) {
    tar.header({ ...header, ...(content && { size: content.length }) });
    tar.content(Buffer.from(content));
    tar.pad(content.length);
  }
  tar.end();
  return tar.take();
}

const config = { env: { PATH: '/usr/games', 'A B': '=' }, workdir: '/srv' };
/** An engine whose image has these bytes, which come in pieces. */
const store = (bytes: Uint8Array, info: object = config): ImageStore =>
  ({
    inspect: async () => ({ id: 'sha256:1', tags: [], labels: {}, sizeBytes: 10, ...info }),
    async *export() {
      for (let start = 0; start < bytes.length; start += 700) yield bytes.subarray(start, start + 700);
    },
  }) as never;

const unpack = (items: readonly Item[], request: Partial<UnpackRequest> = {}) =>
  unpackImage(store(archive(items)), { image: 'an-image', directory: at('root'), ...request });
const isLeft = () => readdirSync(base).filter((name) => name !== 'outside');

describe('unpackImage', () => {
  it('keeps files, links and modes, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      const result = await unpack([
        entry('./', 'Directory'),
        entry('tmp/', 'Directory', { mode: 0o1777 }),
        entry('etc/', 'Directory', { mode: 0o555 }),
        file('etc/passwd', 0o644, 'root'),
        file('etc/shadow', 0, 'secret'),
        entry('etc/mtab', 'SymbolicLink', { linkpath: '/proc/mounts' }),
        entry('up', 'SymbolicLink', { linkpath: '../../../../etc' }),
        entry('etc/copy', 'Link', { linkpath: 'etc/passwd' }),
      ]);
      expect(result).toEqual({
        directory: at('root'),
        id: 'sha256:1',
        entries: 8,
        bytes: 10,
        leftOut: { devices: 0, setIds: 0 },
      });
    } finally {
      process.umask(umask);
    }
    const mode = (path: string) => lstatSync(at('root', path)).mode & 0o7777;
    expect(['.', 'tmp', 'etc', 'etc/passwd', 'etc/shadow'].map(mode)).toEqual([
      ...[0o755, 0o1777, 0o755, 0o644, 0],
    ]);
    expect(readlinkSync(at('root/etc/mtab'))).toBe('/proc/mounts');
    expect(readlinkSync(at('root/up'))).toBe('../../../../etc');
    expect(statSync(at('root/etc/copy')).ino).toBe(statSync(at('root/etc/passwd')).ino);
    expect(isLeft()).toEqual(['root']);
  });

  it('makes no device, no FIFO and no set-id file, and says so', async () => {
    const { leftOut } = await unpack([
      entry('dev/', 'Directory'),
      entry('dev/sda', 'BlockDevice'),
      entry('dev/null', 'CharacterDevice'),
      entry('dev/pipe', 'FIFO'),
      file('su', 0o4755),
      file('wall', 0o2755),
      entry('spool/', 'Directory', { mode: 0o2775 }),
    ]);
    expect(leftOut).toEqual({ devices: 3, setIds: 2 });
    expect(readdirSync(at('root/dev'))).toEqual([]);
    for (const name of ['su', 'wall', 'spool']) expect(statSync(at('root', name)).mode & 0o6000).toBe(0);
  });

  it.each([
    ['an absolute path', [file('/etc/cron.d/x')]],
    ['a way up', [file('a/../../outside/x')]],
    ['a file through a link', [entry('a', 'SymbolicLink', { linkpath: '../outside' }), file('a/x')]],
    [
      'a file through an absolute link',
      [entry('a', 'SymbolicLink', { linkpath: '/tmp' }), entry('a/b/', 'Directory')],
    ],
    ['a hard link to what is outside', [entry('x', 'Link', { linkpath: '../outside/victim' })]],
    ['a hard link to an absolute path', [entry('x', 'Link', { linkpath: '/etc/passwd' })]],
    [
      'a hard link through a link',
      [entry('a', 'SymbolicLink', { linkpath: '../outside' }), entry('x', 'Link', { linkpath: 'a/victim' })],
    ],
    ['a link to nothing', [entry('x', 'SymbolicLink')]],
    ['no archive', [{ header: { path: 'x', type: 'File', mode: 0o644, size: 5000 } } as never]],
  ])('refuses %s, touches nothing outside, and leaves nothing', async (_, items) => {
    mkdirSync(at('outside'));
    writeFileSync(at('outside/victim'), 'unchanged');
    await expect(unpack([file('first'), ...items])).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(isLeft()).toEqual([]);
    expect(readdirSync(at('outside'))).toEqual(['victim']);
    expect(readFileSync(at('outside/victim'), 'utf8')).toBe('unchanged');
    expect(statSync(at('outside/victim')).nlink).toBe(1);
  });

  it('puts the later one in the place of an earlier one, and does not write through it', async () => {
    mkdirSync(at('outside'));
    writeFileSync(at('outside/victim'), 'unchanged');
    await unpack([entry('a', 'SymbolicLink', { linkpath: '../outside/victim' }), file('a', 0o644, 'new')]);
    expect(readFileSync(at('outside/victim'), 'utf8')).toBe('unchanged');
    expect(lstatSync(at('root/a')).isFile()).toBe(true);
  });

  it('takes an empty directory, and no other', async () => {
    mkdirSync(at('root'));
    await unpack([file('a')]);
    await expect(unpack([file('b')])).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      hint: expect.stringContaining('not there yet'),
    });
    expect(readdirSync(at('root')).toSorted()).toEqual(['.sandbox', 'a']);
    symlinkSync(at('nowhere'), at('dangling'));
    await expect(unpack([file('a')], { directory: at('dangling') })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    expect(isLeft()).toEqual(['dangling', 'root']);
  });

  it('leaves nothing when it is given up in the middle, and removes what a killed program left', async () => {
    const stop = new AbortController();
    mkdirSync(at('.root.unpacking-4194305-1-00000000/etc'), { recursive: true });
    const items = [file('a', 0o644, 'x'.repeat(100_000)), file('b')];
    const onProgress = () => stop.abort();
    await expect(unpack(items, { signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    expect(isLeft()).toEqual([]);
  });

  it('keeps environment and working directory where no image can forge them', async () => {
    await unpack([
      entry('.sandbox/', 'Directory'),
      file('.sandbox/image.json', 0o644, '{"image":"x","env":{"LD_PRELOAD":"x"}}'),
    ]);
    expect(await readImageNotes(at('root'))).toEqual(config);
    expect(existsSync(at('root/.sandbox/image.json'))).toBe(true);
  });
});

describe('readImageNotes', () => {
  it('knows nothing of a directory that something else has unpacked', async () => {
    expect(await readImageNotes(base)).toBe(undefined);
  });

  it.each([
    ['no JSON', () => writeFileSync(at('.sandbox/image.json'), '{')],
    ['other JSON', () => writeFileSync(at('.sandbox/image.json'), '{"image":"x","env":[1]}')],
    ['a link', () => symlinkSync('/etc/hostname', at('.sandbox/image.json'))],
    ['a FIFO', () => execFileSync('mkfifo', [at('.sandbox/image.json')])],
    ['a large file', () => writeFileSync(at('.sandbox/image.json'), ' '.repeat(2 << 20))],
  ])('refuses %s', async (_, make) => {
    mkdirSync(at('.sandbox'));
    make();
    await expect(readImageNotes(base)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });
});
