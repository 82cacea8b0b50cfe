import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSandboxes, type Sandbox, type Sandboxes } from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';

let sandboxes: Sandboxes;
let box: Sandbox;
let host: string;
beforeAll(async () => {
  sandboxes = createSandboxes({ adapter: createPlainAdapter() });
  box = await sandboxes.create();
});
afterAll(() => sandboxes.close());
beforeEach(() => {
  host = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(async () => {
  rmSync(host, { recursive: true, force: true });
  await box.shell`cd && chmod -R u+rwx . && rm -rf -- ./* ./.[!.]*`;
});

const code = (expected: string, operation?: string) =>
  expect.objectContaining({ code: expected, ...(operation && { operation }) });
const blob = (...parts: string[]) => new Blob(parts).stream();

describe('reading and writing', () => {
  it('writes what it is given, and makes the directories above', async () => {
    const text = 'grüße 😀';
    await box.files.write('a/b/string', text);
    await box.files.write('a/bytes', Buffer.from(text));
    await box.files.write('a/stream', blob('grüße ', '😀'));
    await box.files.write(
      'a/iterable',
      (async function* () {
        yield Buffer.from(text);
      })(),
    );
    for (const name of ['a/b/string', 'a/bytes', 'a/stream', 'a/iterable']) {
      expect(await box.files.readText(name)).toBe(text);
    }
    expect((await box.exec(['cat', 'a/b/string'])).stdout).toBe(text);
  });

  it('replaces, appends, refuses what is there, sets the mode', async () => {
    await box.files.write('f', 'a long first text', { mode: 0o600 });
    expect((await box.files.stat('f')).mode).toBe(0o600);
    await box.files.write('f', 'short');
    expect(await box.files.readText('f')).toBe('short');
    await box.files.write('f', 'er', { append: true });
    expect(await box.files.readText('f')).toBe('shorter');
    await expect(box.files.write('f', '', { exclusive: true })).rejects.toEqual(
      code('ALREADY_EXISTS', 'files.write'),
    );
    await box.files.write('g', 'x');
    expect((await box.files.stat('g')).mode).toBe(0o644);
  });

  it('reads a part, as a stream', async () => {
    await box.files.write('f', '0123456789');
    const stream = await box.files.read('f', { offset: 2, length: 3 });
    let read = '';
    for await (const chunk of stream) read += Buffer.from(chunk);
    expect(read).toBe('234');
  });

  it('reads no more than it may', async () => {
    await box.files.write('f', 'x'.repeat(1000));
    expect(await box.files.readBytes('f', { maxBytes: 1000 })).toHaveLength(1000);
    await expect(box.files.readBytes('f', { maxBytes: 999 })).rejects.toEqual(
      code('RESOURCE_EXHAUSTED', 'files.read'),
    );
    expect(await box.files.readText('f')).toHaveLength(1000);
  });

  it('moves 50 MB each way, and stops where the reader does', async () => {
    const megabyte = Buffer.alloc(1_000_000, 'm');
    await box.files.write(
      'big',
      (async function* () {
        for (let n = 0; n < 50; n += 1) yield megabyte;
      })(),
    );
    expect((await box.files.stat('big')).sizeBytes).toBe(50_000_000);
    let length = 0;
    for await (const chunk of await box.files.read('big')) {
      length += chunk.length;
      if (length > 5_000_000) break;
    }
    expect((await box.files.readBytes('big')).length).toBe(50_000_000);
  });

  it('says what is wrong', async () => {
    await expect(box.files.read('none')).rejects.toEqual(code('NOT_FOUND', 'files.read'));
    await expect(box.files.readText('none')).rejects.toEqual(code('NOT_FOUND'));
    await expect(box.files.write('/etc/passwd', 'x')).rejects.toEqual(code('PERMISSION_DENIED'));
    await expect(box.files.readText('.')).rejects.toMatchObject({ operation: 'files.read' });
    for (const path of ['', 'a\0b', 5 as never]) {
      await expect(box.files.stat(path)).rejects.toEqual(code('INVALID_ARGUMENT', 'files.stat'));
    }
    await expect(box.files.write('f', 5 as never)).rejects.toEqual(code('INVALID_ARGUMENT'));
    const failing = (async function* () {
      yield Buffer.from('a');
      throw new TypeError('mine');
    })();
    await expect(box.files.write('f', failing)).rejects.toMatchObject({ cause: { message: 'mine' } });
  });

  it('can be aborted', async () => {
    const signal = AbortSignal.abort();
    await expect(box.files.stat('.', { signal })).rejects.toEqual(code('DEADLINE_EXCEEDED'));
    const controller = new AbortController();
    const endless = (async function* () {
      for (;;) {
        yield Buffer.alloc(1000);
        controller.abort();
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const writing = box.files.write('f', endless, { signal: controller.signal });
    await expect(writing).rejects.toEqual(code('DEADLINE_EXCEEDED', 'files.write'));
  });
});

describe('directories', () => {
  it('lists, with links as links', async () => {
    await box.files.write('d/b', 'xy');
    await box.files.write('d/a/c', '');
    await box.exec(['ln', '-s', '/etc', 'd/l']);
    const flat = await box.files.list('d');
    expect(flat.map(({ name, type }) => [name, type])).toEqual([
      ['a', 'directory'],
      ['b', 'file'],
      ['l', 'symlink'],
    ]);
    expect(flat[1]).toMatchObject({ sizeBytes: 2, modifiedAt: expect.any(Date) });
    expect(flat[2]).toMatchObject({ target: '/etc' });
    expect((await box.files.list('d', { recursive: true })).map(({ path }) => path)).toEqual([
      'd/a',
      'd/a/c',
      'd/b',
      'd/l',
    ]);
  });

  it('lists and brings out what claims a time that no date can be', async () => {
    // Of a file system in memory, which keeps any.
    const memory = (await box.shell`mktemp -d -p /dev/shm`).stdout.trim();
    await box.shell`touch -d @9000000000000000 ${memory}/late && touch -d @-9000000000000000 ${memory}/early`;
    try {
      const listed = await box.files.list(memory);
      expect(listed.map(({ modifiedAt }) => Number.isNaN(modifiedAt.getTime()))).toEqual([false, false]);
      await box.files.download(memory, join(host, 'out'));
      expect(readdirSync(join(host, 'out'))).toEqual(['early', 'late']);
    } finally {
      await box.shell`rm -r ${memory}`;
    }
  });

  it('makes, renames and removes', async () => {
    await box.files.mkdir('x/y/z');
    await box.files.mkdir('x/y/z');
    await expect(box.files.remove('x')).rejects.toMatchObject({ operation: 'files.remove' });
    await box.files.rename('x/y', 'x/w');
    expect(await box.files.exists('x/w/z')).toBe(true);
    expect(await box.files.exists('x/y')).toBe(false);
    await box.files.write('f', 'f');
    await box.files.write('g', 'g');
    await expect(box.files.rename('f', 'g')).rejects.toEqual(code('ALREADY_EXISTS'));
    await box.files.rename('f', 'g', { overwrite: true });
    await box.files.remove('x', { recursive: true });
    await expect(box.files.remove('x')).rejects.toEqual(code('NOT_FOUND'));
    await box.files.remove('x', { force: true });
  });

  it('follows links only where told', async () => {
    await box.files.write('f', 'abc');
    await box.exec(['ln', '-s', 'f', 'l']);
    expect((await box.files.stat('l')).type).toBe('symlink');
    expect((await box.files.stat('l', { follow: true })).type).toBe('file');
    await box.files.remove('l');
    expect(await box.files.exists('f')).toBe(true);
  });
});

describe('transfers', () => {
  it('brings a tree in and out again', async () => {
    mkdirSync(join(host, 'src/d/e'), { recursive: true });
    writeFileSync(join(host, 'src/run.sh'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
    writeFileSync(join(host, 'src/d/ü ö'), Buffer.alloc(700_000, 'd'));
    symlinkSync('d/ü ö', join(host, 'src/link'));
    expect(await box.files.upload(join(host, 'src'), 'in/here')).toEqual({ entries: 5, bytes: 700_019 });
    expect((await box.exec(['in/here/run.sh'])).stdout).toBe('ran\n');
    expect((await box.exec(['stat', '-c', '%u', 'in/here/run.sh'])).stdout).toBe('1000\n');
    await box.files.download('in/here', join(host, 'out'));
    execFileSync('diff', ['-r', '--no-dereference', join(host, 'src'), join(host, 'out')]);
    expect(statSync(join(host, 'out/run.sh')).mode & 0o777).toBe(0o755);
  });

  it('brings a file in and out', async () => {
    writeFileSync(join(host, 'a'), 'content', { mode: 0o640 });
    await box.files.upload(join(host, 'a'), 'deep/down/b');
    expect(await box.files.stat('deep/down/b')).toMatchObject({ sizeBytes: 7, mode: 0o640 });
    expect(await box.files.download('deep/down/b', join(host, 'new/c'))).toEqual({ entries: 1, bytes: 7 });
    expect(readFileSync(join(host, 'new/c'), 'utf8')).toBe('content');
    await expect(box.files.download('none', join(host, 'x'))).rejects.toEqual(
      code('NOT_FOUND', 'files.download'),
    );
    await expect(box.files.upload(join(host, 'none'), 'x')).rejects.toEqual(
      code('NOT_FOUND', 'files.upload'),
    );
  });

  it('refuses what a guest should not send', async () => {
    await box.shell`mkdir -p bad && ln -s /etc/passwd bad/l`;
    await expect(box.files.download('bad', join(host, 'out'))).rejects.toEqual(code('FAILED_PRECONDITION'));
    await box.shell`rm -rf bad; mkdir bad; mkfifo bad/pipe`;
    await expect(box.files.download('bad', join(host, 'out2'))).rejects.toEqual(code('FAILED_PRECONDITION'));
    await box.shell`rm -rf bad; mkdir bad; printf x > bad/s; chmod 6755 bad/s`;
    await box.files.download('bad', join(host, 'out3'));
    expect(statSync(join(host, 'out3/s')).mode & 0o7777).toBe(0o755);
  });

  it('moves 1,000 files of 10 KB', async () => {
    mkdirSync(join(host, 'many'));
    for (let n = 0; n < 1000; n += 1)
      writeFileSync(join(host, 'many', `${n}`), Buffer.alloc(10_000, String(n % 10)));
    expect(await box.files.upload(join(host, 'many'), 'many')).toEqual({ entries: 1000, bytes: 10_000_000 });
    expect(await box.files.download('many', join(host, 'back'))).toMatchObject({ bytes: 10_000_000 });
    expect(readdirSync(join(host, 'back'))).toHaveLength(1000);
    expect(readFileSync(join(host, 'back/7'), 'utf8')).toBe('7'.repeat(10_000));
  });

  it('packs and unpacks archives', async () => {
    await box.files.write('p/a', 'A');
    await box.files.write('p/b', 'B');
    const archive = await box.files.pack('p', { names: ['b'] });
    expect(await box.files.unpack('q/r', archive)).toMatchObject({ entries: 1 });
    expect((await box.files.list('q/r')).map(({ name }) => name)).toEqual(['b']);
    await expect(box.files.unpack('q', Buffer.from('no archive'.repeat(100)))).rejects.toMatchObject({
      operation: 'files.unpack',
    });
    await expect(box.files.pack('none')).rejects.toEqual(code('NOT_FOUND', 'files.pack'));
  });
});
