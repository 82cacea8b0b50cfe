import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Body, GuestFiles } from '@sandbox/guest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { download } from './download.ts';
import type { Transferred } from './files.ts';
import { type TarEntry, TarWriter } from './tar-writer.ts';
import { upload } from './upload.ts';

let base: string;
const at = (...names: string[]) => join(base, ...names);
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'transfer-'));
});
afterEach(() => told.splice(0));
afterEach(() => rmSync(base, { recursive: true, force: true }));

type Item = TarEntry | { readonly header: TarEntry; readonly content: string };

function archive(items: readonly Item[]): Uint8Array {
  const tar = new TarWriter();
  for (const item of items) {
    if (!('content' in item)) tar.header(item);
    else {
      const content = Buffer.from(item.content);
      tar.header({ ...item.header, size: content.length });
      tar.content(content);
      tar.pad(content.length);
    }
  }
  tar.end();
  return tar.take();
}

const file = (path: string, content = 'x', mode = 0o644): Item => ({
  header: { path, type: 'File', mode },
  content,
});
const link = (path: string, linkpath: string): Item => ({
  path,
  type: 'SymbolicLink',
  mode: 0o777,
  linkpath,
});
const entry = (path: string, type: string, linkpath?: string): Item =>
  ({ path, type, mode: 0o644, ...(linkpath && { linkpath }) }) as never;

/** A guest that sends these bytes for every directory, in pieces of this size. */
function guest(bytes: Uint8Array, size = 1000): GuestFiles {
  return {
    stat: async () => ({ type: 'directory' }),
    tarOut: () =>
      ReadableStream.from(
        (async function* () {
          for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
        })(),
      ),
  } as never;
}

const told: Transferred[] = [];
const onProgress = (sofar: Transferred) => void told.push(sofar);
/** Each is more than the one before, and the last one is all. */
const expectProgress = (total: Transferred) => {
  expect(told.at(-1)).toEqual(total);
  const sums = told.splice(0).map(({ entries, bytes }) => entries + bytes);
  expect(sums).toEqual(sums.toSorted((one, other) => one - other));
  expect(sums.length).toBeGreaterThanOrEqual(total.entries);
};

const receive = (items: readonly Item[], size?: number) =>
  download(guest(archive(items), size), '/workspace', at('out'), { onProgress });
const refusal = expect.objectContaining({ code: 'FAILED_PRECONDITION' });

describe('download', () => {
  it.each([1, 511, 512, 513, 100_000])(
    'unpacks what is well-behaved, in pieces of %i bytes',
    async (size) => {
      const total = await receive(
        [
          { path: 'd/', type: 'Directory', mode: 0o755 },
          file('d/a.txt', 'hello'),
          file('d/e/f/b.txt', ''),
          file('top', 'y'.repeat(5000), 0o6755),
          link('d/l', 'a.txt'),
          file(`${'long/'.repeat(40)}ü`, 'long'),
        ],
        size,
      );
      expect(total.entries).toBe(6);
      expect(total.bytes).toBe(5009);
      expectProgress(total);
      expect(readFileSync(at('out', 'd', 'l'), 'utf8')).toBe('hello');
      expect(readFileSync(at('out', 'top'), 'utf8')).toHaveLength(5000);
      expect(statSync(at('out', 'top')).mode & 0o7000).toBe(0);
      expect(readFileSync(at('out', ...'long/'.repeat(40).split('/'), 'ü'), 'utf8')).toBe('long');
    },
  );

  it.each([
    ['a path that leads upwards', [file('../evil')]],
    ['an absolute path', [file(`/tmp/evil-${process.pid}`)]],
    ['a link that leads out', [link('l', '/etc/passwd')]],
    ['a link upwards', [link('l', '../evil')]],
    ['a file through a link of the archive', [link('l', 'd'), file('l/evil')]],
    ['a device', [entry('dev', 'CharacterDevice')]],
    ['a FIFO', [entry('pipe', 'FIFO')]],
    ['a hard link to what it did not bring', [entry('h', 'Link', 'before')]],
    ['a hard link out of it', [entry('h', 'Link', '../secret')]],
  ] as const)('refuses %s', async (_what, items) => {
    writeFileSync(at('secret'), 'secret');
    mkdirSync(at('out'));
    writeFileSync(at('out', 'before'), 'before');
    await expect(receive([file('fine'), ...items, file('after')])).rejects.toEqual(refusal);
    expect(existsSync(at('evil'))).toBe(false);
    expect(existsSync(`/tmp/evil-${process.pid}`)).toBe(false);
    expect(existsSync(at('out', 'after'))).toBe(false);
    expect(readFileSync(at('out', 'fine'), 'utf8')).toBe('x');
  });

  it('writes through no link that was there before', async () => {
    mkdirSync(at('out'));
    mkdirSync(at('elsewhere'));
    writeFileSync(at('secret'), 'secret');
    symlinkSync(at('secret'), at('out', 'file'));
    symlinkSync(at('elsewhere'), at('out', 'd'));
    await receive([file('file', 'new')]);
    expect(readFileSync(at('secret'), 'utf8')).toBe('secret');
    expect(lstatSync(at('out', 'file')).isSymbolicLink()).toBe(false);
    await expect(receive([file('d/file', 'new')])).rejects.toEqual(refusal);
    expect(existsSync(at('elsewhere', 'file'))).toBe(false);
  });

  it('takes a hard link to a file that came before it', async () => {
    await receive([file('d/a', 'same'), entry('d/b', 'Link', 'd/a')]);
    expect(readFileSync(at('out', 'd', 'b'), 'utf8')).toBe('same');
  });

  it.each([
    ['garbage', Buffer.from('no archive at all'.repeat(100))],
    ['a compressed archive', Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(2000)])],
    ['one that is cut off', archive([file('a', 'x'.repeat(5000))]).subarray(0, 2000)],
  ])('refuses %s', async (_what, bytes) => {
    await expect(download(guest(bytes), '/workspace', at('out'))).rejects.toEqual(refusal);
  });

  it.each([1, 2, 1000])('inflates nothing, in pieces of %i bytes', async (size) => {
    const compressed = gzipSync(archive([file('a')]));
    await expect(download(guest(compressed, size), '/workspace', at('out'))).rejects.toEqual(refusal);
    expect(readdirSync(at('out'))).toEqual([]);
  });

  it('hands on what stops the guest, and does not hang', async () => {
    const bytes = archive([file('a', 'x'.repeat(5000))]);
    const failing = {
      ...guest(bytes),
      tarOut: () =>
        ReadableStream.from(
          (async function* () {
            yield bytes.subarray(0, 1500);
            throw new Error('lost');
          })(),
        ),
    } as never;
    await expect(download(failing, '/workspace', at('out'))).rejects.toThrow('lost');
  });
});

it('a download does not follow a link in its own place', async () => {
  mkdirSync(at('elsewhere'));
  symlinkSync(at('elsewhere'), at('out'));
  await expect(receive([file('a', 'hello')])).rejects.toEqual(refusal);
  expect(readdirSync(at('elsewhere'))).toEqual([]);
});

describe('upload', () => {
  /** Unpacks what is sent with the host's own tar. */
  function receiver(): { files: GuestFiles; where: string } {
    const where = at('guest');
    const files = {
      async tarIn(path: string, body: Body) {
        const target = join(where, path);
        mkdirSync(target, { recursive: true });
        const pieces: Uint8Array[] = [];
        for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece);
        execFileSync('tar', ['-xf', '-', '-C', target], { input: Buffer.concat(pieces) });
        return { entries: 0, bytes: 0 };
      },
    } as never;
    return { files, where };
  }

  it('copies a tree: modes, times, links, empty directories, long and odd names', async () => {
    const long = 'n'.repeat(200);
    mkdirSync(at('src', 'empty'), { recursive: true });
    mkdirSync(at('src', 'd', long), { recursive: true });
    writeFileSync(at('src', 'd', long, 'ü'), 'u');
    writeFileSync(at('src', 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(at('src', 'big'), Buffer.alloc(1_000_000, 'b'));
    utimesSync(at('src', 'big'), 1_000_000, 1_000_000);
    symlinkSync('../nowhere', at('src', 'd', 'dangling'));
    symlinkSync('/etc', at('src', 'etc'));
    linkSync(at('src', 'big'), at('src', 'same'));
    const { files, where } = receiver();
    const total = await upload(files, at('src'), 'to/here', { onProgress });
    const got = join(where, 'to/here');
    expect(total).toEqual({ entries: 9, bytes: 2_000_011 });
    expectProgress(total);
    expect(readFileSync(join(got, 'd', long, 'ü'), 'utf8')).toBe('u');
    expect(statSync(join(got, 'run.sh')).mode & 0o777).toBe(0o755);
    expect(statSync(join(got, 'big'))).toMatchObject({ size: 1_000_000, mtimeMs: 1_000_000_000 });
    expect(readFileSync(join(got, 'same'))).toHaveLength(1_000_000);
    expect(readlinkSync(join(got, 'd', 'dangling'))).toBe('../nowhere');
    expect(readlinkSync(join(got, 'etc'))).toBe('/etc');
    expect(statSync(join(got, 'empty')).isDirectory()).toBe(true);
  });

  it('copies a file to its new name, and a link as a link', async () => {
    writeFileSync(at('a'), 'content');
    symlinkSync('/etc/passwd', at('l'));
    const { files, where } = receiver();
    expect(await upload(files, at('a'), '/w/b')).toEqual({ entries: 1, bytes: 7 });
    await upload(files, at('l'), '/w/link');
    expect(readFileSync(join(where, 'w', 'b'), 'utf8')).toBe('content');
    expect(readlinkSync(join(where, 'w', 'link'))).toBe('/etc/passwd');
  });

  it('leaves out FIFOs and sockets, and does not wait for them', async () => {
    mkdirSync(at('src'));
    execFileSync('mkfifo', [at('src', 'pipe')]);
    writeFileSync(at('src', 'a'), '1');
    const { files } = receiver();
    expect(await upload(files, at('src'), '/w')).toEqual({ entries: 1, bytes: 1 });
    await expect(upload(files, at('src', 'pipe'), '/w')).rejects.toEqual(refusal);
  });

  it('says what is not there', async () => {
    const { files } = receiver();
    await expect(upload(files, at('none'), '/w')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
