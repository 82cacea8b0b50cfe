import { createHash, randomBytes } from 'node:crypto';
import { agentPath } from '@sandbox/guest';
import { defineGroup } from '../harness/case.ts';
import { bytesOf, everyByte } from '../harness/raw-output.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

const hardNames: readonly (readonly [id: string, name: string])[] = [
  ['unicode', 'naïve 日本語 🦀.txt'],
  ['decomposed', 'e\u0301.txt'],
  ['spaces', '  two  words  '],
  ['a-newline', 'one\ntwo'],
  ['quotes', `it's "quoted"`],
  ['a-leading-dash', '-rf'],
  ['shell-words', '$(id) `id` ; * ?'],
  ['a-backslash', 'a\\b'],
  ['255-bytes', 'x'.repeat(255)],
];

export const files = defineGroup<SandboxContext>('files', 'files in the guest, by its own rights', (test) => {
  test('text', 'what is written is read, and seen by a command', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('a.txt'), 'grüße\n');
    t.expect(await box.files.readText(at('a.txt'))).toBe('grüße\n');
    t.expect((await box.exec(['cat', at('a.txt')])).stdout).toBe('grüße\n');
  });

  test('bytes', 'a file holds any bytes', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('bytes'), everyByte);
    t.expect(Buffer.from(await box.files.readBytes(at('bytes'))).equals(everyByte)).toBe(true);
    t.expect(Buffer.from((await box.exec(['cat', at('bytes')])).stdoutBytes).equals(everyByte)).toBe(true);
  });

  test('empty', 'an empty file is one', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('empty'), '');
    t.expect([await box.files.readText(at('empty')), (await box.files.stat(at('empty'))).sizeBytes]).toEqual([
      '',
      0,
    ]);
  });

  test('large', 'thirty megabytes go in and out unchanged', { timeoutMs: 60_000 }, async (t) => {
    const { box, at } = await place(t);
    const sent = randomBytes(30 * 1024 * 1024);
    await box.files.write(at('large'), sent);
    const read = await bytesOf(await box.files.read(at('large')));
    t.expect(createHash('sha256').update(read).digest('hex')).toBe(
      createHash('sha256').update(sent).digest('hex'),
    );
  });

  test('stream', 'a file can be written from a stream', async (t) => {
    const { box, at } = await place(t);
    async function* chunks() {
      for (let part = 0; part < 50; part += 1) yield new TextEncoder().encode(`${part}\n`);
    }
    await box.files.write(at('stream'), chunks());
    t.expect((await box.files.readText(at('stream'))).split('\n').length).toBe(51);
  });

  test('part', 'a part of a file can be read', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('part'), '0123456789');
    t.expect((await bytesOf(await box.files.read(at('part'), { offset: 3, length: 4 }))).toString()).toBe(
      '3456',
    );
    t.expect((await bytesOf(await box.files.read(at('part'), { offset: 8 }))).toString()).toBe('89');
    t.expect((await bytesOf(await box.files.read(at('part'), { offset: 20 }))).toString()).toBe('');
  });

  for (const [id, name] of hardNames) {
    test(`name-${id}`, `a name with ${id.replaceAll('-', ' ')} is kept`, async (t) => {
      const { box, at, directory } = await place(t);
      await box.files.write(at(name), id);
      t.expect(await box.files.readText(at(name))).toBe(id);
      t.expect((await box.files.list(directory)).map((entry) => entry.name)).toEqual([name]);
      await box.files.remove(at(name));
      t.expect(await box.files.exists(at(name))).toBe(false);
    });
  }

  test('replace', 'writing replaces what was there', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('f'), 'long content');
    await box.files.write(at('f'), 'short');
    t.expect(await box.files.readText(at('f'))).toBe('short');
  });

  test('append', 'append adds to the end', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('f'), 'one');
    await box.files.write(at('f'), 'two', { append: true });
    t.expect(await box.files.readText(at('f'))).toBe('onetwo');
  });

  test('exclusive', 'exclusive refuses what is there, with ALREADY_EXISTS', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('f'), 'one', { exclusive: true });
    await t.refused('ALREADY_EXISTS', box.files.write(at('f'), 'two', { exclusive: true }));
    t.expect(await box.files.readText(at('f'))).toBe('one');
  });

  test('parents', 'directories on the way are made', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('a/b/c/f'), 'deep');
    t.expect((await box.files.stat(at('a/b/c'))).type).toBe('directory');
  });

  for (const mode of [0o600, 0o644, 0o755, 0o400]) {
    test(`mode-${mode.toString(8)}`, `a new file has mode ${mode.toString(8)} when asked`, async (t) => {
      const { box, at } = await place(t);
      await box.files.write(at('f'), 'x', { mode });
      t.expect((await box.files.stat(at('f'))).mode.toString(8)).toBe(mode.toString(8));
    });
  }

  test('runs', 'a file written executable can be run', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('script'), '#!/bin/sh\necho ran', { mode: 0o755 });
    t.expect((await box.exec([`./${at('script')}`])).stdout).toBe('ran\n');
  });

  test('owner', "files belong to the sandbox's user", async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('f'), 'x');
    const { uid, gid } = await box.files.stat(at('f'));
    t.expect((await box.exec(['sh', '-c', 'echo "$(id -u) $(id -g)"'])).stdout).toBe(`${uid} ${gid}\n`);
  });

  test('missing', 'what is not there is NOT_FOUND', async (t) => {
    const { box, at } = await place(t);
    await t.refused('NOT_FOUND', box.files.readText(at('no')));
    await t.refused('NOT_FOUND', box.files.stat(at('no')));
    await t.refused('NOT_FOUND', box.files.list(at('no')));
    await t.refused('NOT_FOUND', box.files.remove(at('no')));
    await t.refused('NOT_FOUND', box.files.rename(at('no'), at('other')));
    t.expect(await box.files.exists(at('no'))).toBe(false);
  });

  test('forbidden', 'what the user may not read is PERMISSION_DENIED', async (t) => {
    const { box } = await place(t);
    // In a guest without accounts there is still the agent.
    const agent = agentPath(t.agent.digest);
    const secret = (await box.files.exists(agent)) ? agent : '/etc/shadow';
    await t.refused('PERMISSION_DENIED', box.files.readText(secret));
    await t.refusedWith(
      ['PERMISSION_DENIED', 'FAILED_PRECONDITION'],
      box.files.write('/etc/conformance', 'x'),
    );
  });

  test('directory-is-no-file', 'a directory cannot be read or written as a file', async (t) => {
    const { box, directory } = await place(t);
    const codes = ['FAILED_PRECONDITION', 'INVALID_ARGUMENT', 'ALREADY_EXISTS'] as const;
    await t.refusedWith(codes, box.files.readText(directory));
    await t.refusedWith(codes, box.files.write(directory, 'x'));
  });

  test('max-bytes', 'reading more than is wanted is RESOURCE_EXHAUSTED', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('f'), 'x'.repeat(1001));
    await t.refused('RESOURCE_EXHAUSTED', box.files.readText(at('f'), { maxBytes: 1000 }));
    t.expect((await box.files.readText(at('f'), { maxBytes: 1001 })).length).toBe(1001);
  });

  test('device', 'a file without an end does not fill the host', async (t) => {
    const { box } = await place(t);
    await t.refusedWith(
      ['RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'INVALID_ARGUMENT', 'UNSUPPORTED'],
      box.files.readBytes('/dev/zero', { maxBytes: 100_000 }),
    );
  });

  test('fifo', 'a FIFO does not hang a reader for ever', async (t) => {
    const { box, at } = await place(t);
    await box.exec(['mkfifo', at('fifo')]);
    const outcome = await box.files.readText(at('fifo'), { signal: AbortSignal.timeout(3_000) }).then(
      () => 'read',
      () => 'refused',
    );
    t.expect(['read', 'refused']).toContain(outcome);
    t.expect((await box.files.stat(at('fifo'))).type).toBe('fifo');
  });

  test('list', 'list gives names in the order of their bytes, and all of them', async (t) => {
    const { box, at, directory } = await place(t);
    const names = ['b', 'a', 'Z', '.hidden', 'ä', 'a b'];
    for (const name of names) await box.files.write(at(name), '');
    const listed = (await box.files.list(directory)).map((entry) => entry.name);
    t.expect(listed).toEqual(
      [...names].sort((one, two) => Buffer.compare(Buffer.from(one), Buffer.from(two))),
    );
  });

  test('list-recursive', 'a recursive list goes into directories, not through symlinks', async (t) => {
    const { box, at, directory } = await place(t);
    await box.exec([
      'sh',
      '-c',
      'cd "$1" && mkdir -p a/b && touch a/b/f && ln -s /etc link',
      'sh',
      directory,
    ]);
    const listed = (await box.files.list(at('.'), { recursive: true })).map(
      (entry) => `${entry.type} ${entry.name}`,
    );
    t.expect(listed.sort()).toEqual(['directory a', 'directory b', 'file f', 'symlink link']);
  });

  test('stat-types', 'stat tells files, directories, symlinks and FIFOs apart', async (t) => {
    const { box, at, directory } = await place(t);
    await box.exec([
      'sh',
      '-c',
      'cd "$1" && echo 12345 > file && mkdir dir && ln -s file link && mkfifo fifo',
      'sh',
      directory,
    ]);
    const types = [];
    for (const name of ['file', 'dir', 'link', 'fifo'])
      types.push((await box.files.stat(at(name), { follow: false })).type);
    t.expect(types).toEqual(['file', 'directory', 'symlink', 'fifo']);
    const { sizeBytes, modifiedAt } = await box.files.stat(at('file'));
    t.expect(sizeBytes).toBe(6);
    t.expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThanOrEqual(60_000);
  });

  test('stat-symlink', 'stat follows a symlink when told, and tells its target when not', async (t) => {
    const { box, at, directory } = await place(t);
    await box.exec(['sh', '-c', 'cd "$1" && echo x > file && ln -s file link', 'sh', directory]);
    t.expect((await box.files.stat(at('link'), { follow: true })).type).toBe('file');
    t.expect((await box.files.stat(at('link'), { follow: false })).target).toBe('file');
  });

  test('mkdir', 'mkdir makes the way, and succeeds when it is there', async (t) => {
    const { box, at } = await place(t);
    await box.files.mkdir(at('x/y/z'), { mode: 0o700 });
    await box.files.mkdir(at('x/y/z'));
    const { type, mode } = await box.files.stat(at('x/y/z'));
    t.expect([type, mode]).toEqual(['directory', 0o700]);
  });

  test('mkdir-over-file', 'mkdir over a file is refused', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('f'), 'x');
    await t.refusedWith(['ALREADY_EXISTS', 'FAILED_PRECONDITION'], box.files.mkdir(at('f')));
  });

  test('remove-full', 'a directory that is not empty needs recursive', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('d/f'), 'x');
    await t.refused('FAILED_PRECONDITION', box.files.remove(at('d')));
    await box.files.remove(at('d'), { recursive: true });
    t.expect(await box.files.exists(at('d'))).toBe(false);
  });

  test('remove-force', 'with force, what is not there is a success', async (t) => {
    const { box, at } = await place(t);
    await box.files.remove(at('no'), { force: true });
  });

  test('remove-symlink', 'remove takes a symlink, not what it points to', async (t) => {
    const { box, at, directory } = await place(t);
    await box.exec([
      'sh',
      '-c',
      'cd "$1" && mkdir kept && echo x > kept/f && mkdir doomed && ln -s ../kept doomed/link && ln -s kept link',
      'sh',
      directory,
    ]);
    await box.files.remove(at('doomed'), { recursive: true });
    await box.files.remove(at('link'), { recursive: true });
    t.expect(await box.files.readText(at('kept/f'))).toBe('x\n');
  });

  test('rename', 'rename moves a file or a directory', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('d/f'), 'x');
    await box.files.rename(at('d'), at('e'));
    t.expect([await box.files.readText(at('e/f')), await box.files.exists(at('d'))]).toEqual(['x', false]);
  });

  test('rename-over', 'rename over something needs overwrite', async (t) => {
    const { box, at } = await place(t);
    await box.files.write(at('one'), '1');
    await box.files.write(at('two'), '2');
    await t.refused('ALREADY_EXISTS', box.files.rename(at('one'), at('two'), { overwrite: false }));
    await box.files.rename(at('one'), at('two'), { overwrite: true });
    t.expect(await box.files.readText(at('two'))).toBe('1');
  });

  test('nul', 'a path with a NUL byte is INVALID_ARGUMENT', async (t) => {
    const { box } = await place(t);
    await t.refused('INVALID_ARGUMENT', box.files.readText('a\0b'));
    await t.refused('INVALID_ARGUMENT', box.files.write('a\0b', 'x'));
  });

  test(
    'full-disk',
    'a full file system is RESOURCE_EXHAUSTED, and says so',
    { controls: ['tmpfs-size'], timeoutMs: 60_000 },
    async (t) => {
      const box = await t.own({ policy: { tmpfsBytes: 8 * 1024 * 1024 } });
      const attempt = box.files.write('/tmp/large', randomBytes(32 * 1024 * 1024));
      await t.refused('RESOURCE_EXHAUSTED', attempt);
      await box.files.remove('/tmp/large', { force: true });
      await box.files.write('/tmp/small', 'fits');
    },
  );

  test('aborted', 'a read that is aborted ends', async (t) => {
    const { box } = await place(t);
    const outcome = await box.files.readText('/etc/passwd', { signal: AbortSignal.abort() }).then(
      () => 'read',
      () => 'refused',
    );
    t.expect(outcome).toBe('refused');
  });
});

async function place(t: SandboxContext) {
  const box = await t.box();
  const directory = await t.directory();
  return { box, directory, at: (name: string) => `${directory}/${name}` };
}
