import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SandboxError } from '@sandbox/core';
import { defineGroup } from '../harness/case.ts';
import { bytesOf } from '../harness/raw-output.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';
import { tarOf } from '../harness/tar.ts';

export const transfer = defineGroup<SandboxContext>(
  'transfer',
  'trees of files in and out, and hostile ones',
  (test) => {
    test('upload-download', 'a tree goes in and out with its modes and links', async (t) => {
      const [box, host, place] = [await t.box(), await t.hostDirectory(), await t.directory()];
      await mkdir(join(host, 'from/sub'), { recursive: true });
      await writeFile(join(host, 'from/sub/script'), '#!/bin/sh\n');
      await chmod(join(host, 'from/sub/script'), 0o755);
      await writeFile(join(host, 'from/naïve 日本.txt'), 'text');
      await symlink('sub/script', join(host, 'from/link'));
      await box.files.upload(join(host, 'from'), `${place}/in`);
      t.expect((await box.files.stat(`${place}/in/sub/script`)).mode).toBe(0o755);
      await box.files.download(`${place}/in`, join(host, 'to'));
      t.expect((await readdir(join(host, 'to'))).sort()).toEqual(['link', 'naïve 日本.txt', 'sub']);
      t.expect(await readFile(join(host, 'to/naïve 日本.txt'), 'utf8')).toBe('text');
      t.expect(await readlink(join(host, 'to/link'))).toBe('sub/script');
      t.expect((await stat(join(host, 'to/sub/script'))).mode & 0o777).toBe(0o755);
    });

    test('one-file', 'a single file goes in and out', async (t) => {
      const [box, host, place] = [await t.box(), await t.hostDirectory(), await t.directory()];
      await writeFile(join(host, 'f'), 'content');
      await box.files.upload(join(host, 'f'), `${place}/f`);
      t.expect(await box.files.readText(`${place}/f`)).toBe('content');
      await box.files.download(`${place}/f`, join(host, 'g'));
      t.expect(await readFile(join(host, 'g'), 'utf8')).toBe('content');
    });

    test('thousand', 'a thousand files go in, are listed, and come out', { timeoutMs: 90_000 }, async (t) => {
      const [box, host, place] = [await t.box(), await t.hostDirectory(), await t.directory()];
      await mkdir(join(host, 'from'));
      for (let file = 0; file < 1000; file += 1)
        await writeFile(join(host, 'from', `file-${file}`), `${file}`.repeat(100));
      await box.files.upload(join(host, 'from'), `${place}/in`);
      t.expect((await box.files.list(`${place}/in`)).length).toBe(1000);
      await box.files.download(`${place}/in`, join(host, 'to'));
      t.expect((await readdir(join(host, 'to'))).length).toBe(1000);
      t.expect(await readFile(join(host, 'to/file-999'), 'utf8')).toBe('999'.repeat(100));
    });

    test('pack-unpack', 'an archive of a directory unpacks to the same', async (t) => {
      const [box, place] = [await t.box(), await t.directory()];
      await box.exec([
        'sh',
        '-c',
        'cd "$1" && mkdir -p a/b && echo deep > a/b/f && ln -s b a/link',
        'sh',
        place,
      ]);
      const archive = await bytesOf(await box.files.pack(`${place}/a`));
      await box.files.mkdir(`${place}/c`);
      await box.files.unpack(`${place}/c`, archive);
      t.expect(await box.files.readText(`${place}/c/b/f`)).toBe('deep\n');
      t.expect((await box.files.stat(`${place}/c/link`, { follow: false })).target).toBe('b');
    });

    test('pack-names', 'only the named entries are packed', async (t) => {
      const [box, place] = [await t.box(), await t.directory()];
      for (const name of ['one', 'two', 'three']) await box.files.write(`${place}/${name}`, name);
      const archive = await bytesOf(await box.files.pack(place, { names: ['one', 'three'] }));
      await box.files.mkdir(`${place}/out`);
      await box.files.unpack(`${place}/out`, archive);
      t.expect((await box.files.list(`${place}/out`)).map((entry) => entry.name)).toEqual(['one', 'three']);
    });

    for (const [id, entries] of [
      ['dots', [{ name: '../escaped', content: 'x' }]],
      ['inner-dots', [{ name: 'a/../../escaped', content: 'x' }]],
      ['absolute', [{ name: '/tmp/conformance-escaped', content: 'x' }]],
      [
        'through-a-link',
        [
          { name: 'link', linkTo: '..' },
          { name: 'link/escaped', content: 'x' },
        ],
      ],
      [
        'through-an-absolute-link',
        [
          { name: 'link', linkTo: '/tmp' },
          { name: 'link/conformance-escaped', content: 'x' },
        ],
      ],
    ] as const) {
      test(
        `unpack-${id}`,
        `an archive that leads out of its directory by ${id.replaceAll('-', ' ')} lands nothing outside`,
        async (t) => {
          const [box, place] = [await t.box(), await t.directory()];
          await box.files.mkdir(`${place}/in`);
          const outcome = await box.files.unpack(`${place}/in`, tarOf(entries)).then(
            () => undefined,
            (error: unknown) => error,
          );
          t.expect(SandboxError.is(outcome)).toBe(true);
          t.expect(await box.files.exists(`${place}/escaped`)).toBe(false);
          t.expect(await box.files.exists('/tmp/conformance-escaped')).toBe(false);
        },
      );
    }

    for (const [id, script] of [
      ['an-absolute-link', 'ln -s /etc/passwd link'],
      ['a-link-with-dots', 'ln -s ../../../../../../etc/passwd link'],
      ['a-fifo', 'mkfifo fifo'],
      ['a-link-to-a-directory', 'ln -s /etc dir; mkdir sub; ln -s ../.. sub/up'],
    ] as const) {
      test(
        `download-${id}`,
        `a download with ${id.replaceAll('-', ' ')} is refused, or brings nothing of the host's`,
        async (t) => {
          const [box, host, place] = [await t.box(), await t.hostDirectory(), await t.directory()];
          await box.exec(['sh', '-c', `cd "$1" && ${script}; echo x > plain`, 'sh', place]);
          const error = await box.files.download(place, join(host, 'to')).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          t.expect(SandboxError.is(error)).toBe(true);
          const left = await readdir(join(host, 'to')).catch(() => []);
          t.expect(left.filter((name) => name === 'link' || name === 'fifo' || name === 'dir')).toEqual([]);
        },
      );
    }

    test('download-set-id', 'set-id bits do not come out', async (t) => {
      const [box, host, place] = [await t.box(), await t.hostDirectory(), await t.directory()];
      await box.exec(['sh', '-c', 'cp /bin/true "$1/t" && chmod 6755 "$1/t"', 'sh', place]);
      await box.files.download(place, join(host, 'to'));
      t.expect(((await stat(join(host, 'to/t'))).mode & 0o7000).toString(8)).toBe('0');
    });

    test('download-over-link', 'nothing on the host is followed when a download lands', async (t) => {
      const [box, host, place] = [await t.box(), await t.hostDirectory(), await t.directory()];
      await box.files.write(`${place}/d/f`, 'guest');
      await mkdir(join(host, 'victim'));
      await mkdir(join(host, 'to'));
      await symlink(join(host, 'victim'), join(host, 'to/d'));
      await box.files.download(place, join(host, 'to')).catch(() => undefined);
      t.expect(await readdir(join(host, 'victim'))).toEqual([]);
    });

    test('upload-missing', 'a host path that is not there is NOT_FOUND', async (t) => {
      const [box, host] = [await t.box(), await t.hostDirectory()];
      await t.refused('NOT_FOUND', box.files.upload(join(host, 'no'), 'anywhere'));
    });

    test('unpack-garbage', 'what is no archive is refused', async (t) => {
      const [box, place] = [await t.box(), await t.directory()];
      await t.refusedWith(
        ['INVALID_ARGUMENT', 'FAILED_PRECONDITION'],
        box.files.unpack(place, Buffer.alloc(5_000, 'x')),
      );
    });
  },
);
