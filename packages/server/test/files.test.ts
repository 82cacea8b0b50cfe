import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create as createTar } from 'tar';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { call, type ReferenceServer, startReference } from './reference-server.ts';

let service: ReferenceServer;
let id: string;

beforeAll(async () => {
  service = await startReference();
  ({
    body: { id },
  } = await call(service, 'POST', '/sandbox', { runtime: 'sh', keep: true }));
});

afterAll(async () => {
  expect(service.errors).toEqual([]);
  await service[Symbol.asyncDispose]();
});

const files = (query = '') => `/sandbox/${id}/files${query}`;
const at = (path: string) => files(`?path=${encodeURIComponent(path)}`);
const sh = async (script: string) =>
  (await call(service, 'POST', `/sandbox/${id}/execute`, { command: 'sh', args: ['-c', script] })).body;

describe('files as a list', () => {
  it('land under /sandbox with their parents, and are executable where that is said', async () => {
    const sent = [
      { path: 'a/b/run', content: '#!/bin/sh\necho ran', is_executable: true },
      { path: './plain.txt', content: 'grüße' },
      { path: 'bytes', content: Buffer.from([0, 255, 10]).toString('base64'), encoding: 'base64' },
    ];
    const { status, body } = await call(service, 'POST', files(), sent);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        files: [
          { path: 'a/b/run', sizeBytes: 18, is_executable: true },
          { path: './plain.txt', sizeBytes: 7, is_executable: false },
          { path: 'bytes', sizeBytes: 3, is_executable: false },
        ],
      },
    });
    expect((await sh('a/b/run; cat plain.txt; od -An -tx1 bytes')).stdout).toBe('ran\ngrüße 00 ff 0a\n');
  });

  it('arrive byte for byte, whatever a shell would make of them', async () => {
    const content = `'"\`$(touch owned)\`$HOME\\ \n\r\t!*?\u0000 end`;
    const path = `we'ird "na$me" $(touch owned)\n\`x\``;
    expect((await call(service, 'POST', files(), [{ path, content }])).status).toBe(200);
    const response = await fetch(service.url + at(path));
    expect(await response.text()).toBe(content);
    expect((await sh('ls owned 2>/dev/null')).stdout).toBe('');
  });

  it('replace what is there, and are not written through a link', async () => {
    await sh('echo kept > target; ln -s target link; echo x > tool; chmod 644 tool');
    await call(service, 'POST', files(), [
      { path: 'link', content: 'new' },
      { path: 'tool', content: '#!/bin/sh\necho tool', is_executable: true },
    ]);
    expect((await sh('cat target link; ./tool')).stdout).toBe('kept\nnewtool\n');
  });

  it.each([
    ['up and out', '../x'],
    ['up and out in the middle', 'a/../../x'],
    ['a NUL byte', 'a\0b'],
    ['a name of 300 bytes', 'n'.repeat(300)],
    ['a name of 300 bytes in UTF-8', 'ü'.repeat(150)],
    ['40 directories', `${'d/'.repeat(40)}x`],
    ['a directory', 'a/'],
    ['half a character', '\ud800'],
  ])('refuse %s', async (_, path) => {
    const { status, body } = await call(service, 'POST', files(), [{ path, content: '' }]);
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it('refuse too many, what is not base64, and unknown keys', async () => {
    const many = Array.from({ length: 1001 }, (_, index) => ({ path: `${index}`, content: '' }));
    for (const body of [
      many,
      [{ path: 'x', content: 'a*b', encoding: 'base64' }],
      [{ path: 'x', content: '', mode: 7 }],
      { path: 'x' },
    ])
      expect((await call(service, 'POST', files(), body)).status).toBe(400);
  });
});

describe('other forms', () => {
  function archive(make: (directory: string) => void): Promise<Buffer> {
    const directory = mkdtempSync(join(tmpdir(), 'server-tar-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    make(directory);
    return createTar({ cwd: directory, portable: true }, ['.']).collect() as unknown as Promise<Buffer>;
  }
  const bytesOf = async (chunks: Promise<unknown>) => Buffer.concat((await chunks) as Buffer[]);
  const put = (body: Uint8Array<ArrayBuffer> | FormData | string, query = '', type = 'application/x-tar') =>
    fetch(service.url + files(query), {
      method: 'POST',
      body,
      headers: type ? { 'content-type': type } : {},
    });

  it('takes a tar archive, and gives one', async () => {
    const tar = await bytesOf(
      archive((directory) => {
        writeFileSync(join(directory, 'run.sh'), '#!/bin/sh\necho from tar', { mode: 0o755 });
        writeFileSync(join(directory, 'data'), 'x'.repeat(100_000));
      }),
    );
    const response = await put(new Uint8Array(tar), '?path=unpacked');
    expect(response.status).toBe(200);
    expect((await sh('unpacked/run.sh; wc -c < unpacked/data')).stdout).toBe('from tar\n100000\n');

    const out = await fetch(service.url + at('unpacked'), { headers: { accept: 'application/x-tar' } });
    expect(out.headers.get('content-type')).toBe('application/x-tar');
    const back = new Uint8Array(await out.arrayBuffer());
    expect((await put(back, '?path=again')).status).toBe(200);
    expect((await sh('again/run.sh; wc -c < again/data')).stdout).toBe('from tar\n100000\n');
  });

  it('refuses archives that lead elsewhere, have too much in them, or are none', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'server-tar-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, 'x'), 'x');
    const escaping = await bytesOf(
      createTar({ cwd: directory, preservePaths: true, prefix: '../..' }, [
        'x',
      ]).collect() as unknown as Promise<unknown>,
    );
    const many = await bytesOf(
      archive((made) => {
        for (let index = 0; index < 1001; index += 1) writeFileSync(join(made, `${index}`), '');
      }),
    );
    for (const body of [escaping, many, Buffer.from('no archive at all'.repeat(100))]) {
      const response = await put(new Uint8Array(body));
      expect({ status: response.status, ...((await response.json()) as object) }).toMatchObject({
        status: 400,
        code: 'INVALID_ARGUMENT',
      });
    }
  });

  it('keeps links of an archive inside of the guest', async () => {
    const tar = await bytesOf(archive((directory) => symlinkSync('/etc', join(directory, 'etc'))));
    expect((await put(new Uint8Array(tar), '?path=links')).status).toBe(200);
    expect((await sh('readlink links/etc')).stdout).toBe('/etc\n');
  });

  it('takes no archive that is compressed: what is small may become of any size', async () => {
    const tar = await bytesOf(archive((directory) => writeFileSync(join(directory, 'file'), 'x')));
    const response = await put(new Uint8Array(gzipSync(Buffer.concat([tar, Buffer.alloc(2 ** 26)]))));
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { code: 'INVALID_ARGUMENT', detail: expect.stringContaining('compressed') },
    });
  });

  it('takes a form whose parts are named by their paths', async () => {
    const form = new FormData();
    form.append('form/one.txt', new Blob(['one']), 'whatever.txt');
    form.append('form/two.txt', 'two');
    const response = await put(form, '', '');
    expect({ status: response.status, body: await response.json() }).toMatchObject({ status: 200 });
    expect((await sh('cat form/one.txt form/two.txt')).stdout).toBe('onetwo');
  });

  it('takes nothing that is not declared', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream'])
      expect((await put('[]', '', type)).status).toBe(415);
  });

  it('takes 16 MB, and no more', async () => {
    const declared = await put(new Uint8Array(17 * 2 ** 20));
    expect(declared.status).toBe(413);
    expect(((await declared.json()) as { code: string }).code).toBe('RESOURCE_EXHAUSTED');
    const chunks = new ReadableStream({
      start(controller) {
        for (let count = 0; count < 17; count += 1) controller.enqueue(new Uint8Array(2 ** 20));
        controller.close();
      },
    });
    const streamed = await fetch(service.url + files(), {
      method: 'POST',
      body: chunks,
      duplex: 'half',
      headers: { 'content-type': 'application/x-tar' },
    } as RequestInit);
    expect(streamed.status).toBe(413);
  });
});

describe('looking and removing', () => {
  it('lists a directory', async () => {
    await sh('mkdir listed; echo 12345 > listed/file; ln -s file listed/link');
    const { body } = await call(service, 'GET', at('listed'));
    expect(body).toMatchObject({
      path: 'listed',
      entries: expect.arrayContaining([
        expect.objectContaining({ name: 'file', type: 'file', sizeBytes: 6, target: null }),
        expect.objectContaining({ name: 'link', type: 'symlink', target: 'file' }),
      ]),
    });
  });

  it('gives a directory that is too large to list as an archive only', async () => {
    await sh('mkdir large; cd large; seq 10001 | xargs touch');
    const { status, body } = await call(service, 'GET', at('large'));
    expect({ status, code: body.code }).toEqual({ status: 429, code: 'RESOURCE_EXHAUSTED' });
    const archive = await fetch(service.url + at('large'), { headers: { accept: 'application/x-tar' } });
    expect((await archive.arrayBuffer()).byteLength).toBeGreaterThan(10_001 * 512);
    expect((await call(service, 'DELETE', at('large'))).status).toBe(204);
  });

  it('never lets a browser show a file as a page of the service', async () => {
    await call(service, 'POST', files(), [{ path: 'page.html', content: '<script>' }]);
    const { headers } = await fetch(service.url + at('page.html'));
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-disposition')).toBe('attachment');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('has a place for each download until its end, and opens nothing for HEAD', async () => {
    await sh('head -c 16777216 /dev/zero > big');
    const working = async () =>
      /^sandbox_requests_working \d+/m.exec((await call(service, 'GET', '/metrics')).body)?.[0];
    const gone = new AbortController();
    await fetch(service.url + at('big'), { signal: gone.signal });
    expect(await working()).toBe('sandbox_requests_working 1');
    gone.abort();
    await expect.poll(working, { timeout: 10_000 }).toBe('sandbox_requests_working 0');

    const before = process.memoryUsage().arrayBuffers;
    for (let count = 0; count < 100; count += 1) {
      const { status, headers } = await fetch(service.url + at('big'), { method: 'HEAD' });
      expect([status, headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 2 ** 20);
  });

  it('removes files and whole directories', async () => {
    await call(service, 'POST', files(), [{ path: 'gone/a', content: '' }]);
    expect((await call(service, 'DELETE', at('gone'))).status).toBe(204);
    expect((await call(service, 'GET', at('gone'))).status).toBe(404);
    expect((await call(service, 'DELETE', at('gone'))).body).toMatchObject({ code: 'NOT_FOUND' });
    const { body } = await call(service, 'GET', `/sandbox/${id}`);
    expect(body.files.map((file: { path: string }) => file.path)).not.toContain('gone/a');
  });
});
