import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ExecutionEvent, SandboxClient, ServiceError } from '@sandbox/client';
import { createReferenceAdapter } from '@sandbox/conformance/reference';
import { createSandboxes } from '@sandbox/core';
import { builtInLanguages } from '@sandbox/languages';
import { createServer } from '@sandbox/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asWritten, typesOf } from '../scripts/generate-types.ts';

const adapter = createReferenceAdapter({ claims: ['namespaces'] });
const sandboxes = createSandboxes({ adapter, policy: { network: 'full' } });
const server = createServer({ sandboxes, languages: builtInLanguages, localUser: 'ann' });
let url: string;
let client: SandboxClient;

beforeAll(async () => {
  url = await server.listen({ port: 0 });
  client = new SandboxClient({ url });
});

afterAll(async () => {
  await server.close();
  await sandboxes.close();
});

it('has the types that the OpenAPI document has', () => {
  const plain = (text: string) => text.replaceAll(/[\s|;]+/g, '');
  expect(plain(asWritten())).toBe(plain(typesOf(server.openApi())));
});

it('creates, executes and sees it gone', async () => {
  const { id, runtime, adapter } = await client.create({ runtime: 'bash', code: 'echo hello; exit 3' });
  expect({ runtime, adapter }).toEqual({ runtime: 'bash', adapter: 'reference' });
  const result = await client.execute(id);
  expect(result).toMatchObject({ exitCode: 3, stdout: 'hello\n' });
  const error = await client.get(id).catch((reason) => reason);
  expect(error).toBeInstanceOf(ServiceError);
  expect(error).toMatchObject({ status: 410, code: 'NOT_FOUND', lastResult: result });
  await client.remove(id);
});

it('the answer begins before a command ends: Node gives up one that has not after five minutes', async () => {
  const begun = Promise.withResolvers<void>();
  const told = new SandboxClient({
    url,
    fetch: async (...request) => {
      const response = await fetch(...request);
      begun.resolve();
      return response;
    },
  });
  const { id } = await client.create({ runtime: 'sh', keep: true });
  const code = 'while [ ! -e go ]; do sleep 0.05; done; echo late; exit 3';
  const running = told.execute(id, { code, timeoutMs: 10_000 });
  await begun.promise;
  await client.putFiles(id, [{ path: 'go', content: '' }]);
  expect(await running).toMatchObject({ ending: 'exited', exitCode: 3, stdout: 'late\n' });
  await expect(told.execute(id)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', status: 400 });
  await client.remove(id);
});

it('reads an execution to its last byte: its connection is not used again otherwise', async () => {
  const seen: string[] = [];
  const pieces = ['event: result\ndata: {"exitCode":0}\n\n', ': the end\n\n'];
  const one = new SandboxClient({
    fetch: async () => {
      const left = pieces.map((piece) => new TextEncoder().encode(piece));
      const pull = (controller: ReadableStreamDefaultController) => {
        const piece = left.shift();
        if (piece !== undefined) return controller.enqueue(piece);
        seen.push('read');
        controller.close();
      };
      const cancel = () => void seen.push('left');
      return new Response(new ReadableStream({ pull, cancel }, { highWaterMark: 0 }));
    },
  });
  expect(await one.execute('a')).toEqual({ exitCode: 0 });
  for await (const { type } of one.stream('a')) if (type === 'result') break;
  expect(seen).toEqual(['read', 'read']);
});

it('carries files in every form', async () => {
  const { id } = await client.create({ runtime: 'sh', keep: true });
  const path = 'a dir/ü&?#.txt';
  expect(await client.putFiles(id, [{ path, content: 'text' }])).toMatchObject([{ path, sizeBytes: 4 }]);
  expect(await new Response(await client.readFile(id, path)).text()).toBe('text');
  const archive = await client.readArchive(id, 'a dir');
  expect(await client.putArchive(id, archive, { path: 'copy' })).toMatchObject([{ sizeBytes: 4 }]);
  expect((await client.listFiles(id, 'copy')).entries.map(({ name }) => name)).toEqual(['ü&?#.txt']);
  await client.removeFiles(id, 'copy');
  await expect(client.listFiles(id, 'copy')).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
  expect((await client.stats(id)).pids).toBeGreaterThan(0);
  expect((await client.list()).map((sandbox) => sandbox.id)).toContain(id);
  await client.remove(id);
});

it('takes no file for a list, whatever a guest wrote into it, and no list for a file', async () => {
  const { id } = await client.create({ runtime: 'sh', keep: true });
  const content = JSON.stringify({ path: 'file', entries: [{ name: '../../x' }] });
  await client.putFiles(id, [
    { path: 'file', content },
    { path: 'directory/inner', content },
  ]);
  const refused = { name: 'ServiceError', code: 'FAILED_PRECONDITION', status: 409 };
  await expect(client.listFiles(id, 'file')).rejects.toMatchObject(refused);
  await expect(client.readFile(id, 'directory')).rejects.toMatchObject(refused);
  await client.remove(id);
});

describe('stream', () => {
  it('gives output as it comes, and the result last', async () => {
    const { id } = await client.create({
      runtime: 'bash',
      code: 'echo out; sleep 0.1; echo err >&2; exit 4',
    });
    const events: ExecutionEvent[] = [];
    for await (const event of client.stream(id)) events.push(event);
    expect(events).toMatchObject([
      { type: 'stdout', text: 'out\n' },
      { type: 'stderr', text: 'err\n' },
      { type: 'result', result: { exitCode: 4, stdout: 'out\n', stderr: 'err\n' } },
    ]);
  });

  it('ends the command when the loop is left', async () => {
    const { id } = await client.create({ runtime: 'bash', code: 'echo there; sleep 300' });
    for await (const event of client.stream(id)) {
      expect(event).toEqual({ type: 'stdout', text: 'there\n' });
      break;
    }
    await expect.poll(() => client.get(id).catch(({ status }) => status), { timeout: 10_000 }).toBe(410);
  });

  it('throws what the service has against it', async () => {
    const { id } = await client.create({ runtime: 'bash', keep: true });
    await expect(client.stream(id).next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', status: 400 });
    const wrong = client.stream(id, { command: 'true', env: { 'A=B': '' } });
    await expect(wrong.next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await client.remove(id);
  });
});

it('a signal ends a request', async () => {
  const { id } = await client.create({ runtime: 'bash', code: 'sleep 300' });
  const signal = AbortSignal.timeout(200);
  await expect(client.execute(id, {}, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  await expect.poll(() => client.get(id).catch(({ status }) => status), { timeout: 10_000 }).toBe(410);
});

it('tells an answer of somebody else from one of the service', async () => {
  const strange = new SandboxClient({
    fetch: async () => new Response('<html>', { status: 502, statusText: 'Bad Gateway' }),
  });
  await expect(strange.health()).rejects.toMatchObject({ status: 502, code: 'UNKNOWN' });
});

it('goes nowhere else: what is sent on as another request would be answered with something else', async () => {
  const moved = createHttpServer((request, response) => {
    const { port } = moved.address() as AddressInfo;
    if (request.method === 'GET') response.end('{"sandboxes":[]}');
    else response.writeHead(301, { location: `http://127.0.0.1:${port}${request.url}` }).end();
  });
  await once(moved.listen(0, '127.0.0.1'), 'listening');
  const { port } = moved.address() as AddressInfo;
  const asked = new SandboxClient({ url: `http://127.0.0.1:${port}` });
  await expect(asked.create({ runtime: 'sh' })).rejects.toMatchObject({ name: 'ServiceError', status: 301 });
  moved.closeAllConnections();
  moved.close();
});

it('sends its key', async () => {
  let sent: unknown;
  const keyed = new SandboxClient({
    key: 'sbx_key',
    fetch: async (_, init) => {
      sent = new Headers(init?.headers).get('authorization');
      return Response.json({ status: 'ok', version: '1' });
    },
  });
  expect(await keyed.health()).toEqual({ status: 'ok', version: '1' });
  expect(sent).toBe('Bearer sbx_key');
});

describe('an answer that no sandbox service gives', () => {
  const answering = (body: string, init: ResponseInit) =>
    new SandboxClient({ fetch: async () => new Response(body, init) });
  const problem = { status: 503, headers: { 'content-type': 'application/problem+json' } };

  it.each([
    ['a page', '<html>', { status: 200 }],
    ['a problem of somebody else', '{"title":"no"}', problem],
    ['a problem that is none', 'null', problem],
    ['half a problem', '{"detail":"n', problem],
  ])('is a ServiceError: %s', async (_, body, init) => {
    const error = await answering(body, init)
      .health()
      .catch((reason) => reason);
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ status: init.status, code: 'UNKNOWN', hint: null, lastResult: null });
    expect(error.message).toMatch(/not one of a sandbox service/);
  });
});

it.each(['', '.', '..'])('asks for nothing else by the id %j', async (id) => {
  const asked: string[] = [];
  const client = new SandboxClient({
    fetch: async (url) => {
      asked.push(new Request(url).url);
      return Response.json({ sandboxes: [] });
    },
  });
  const refused = { name: 'TypeError', message: expect.stringMatching(/is not the id of a sandbox/) };
  await expect(client.get(id)).rejects.toMatchObject(refused);
  await expect(client.remove(id)).rejects.toMatchObject(refused);
  await expect(client.listFiles(id)).rejects.toMatchObject(refused);
  await expect(client.stream(id).next()).rejects.toMatchObject(refused);
  expect(asked).toEqual([]);
});
