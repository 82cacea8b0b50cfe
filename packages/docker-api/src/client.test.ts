import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawProcess } from './attach.ts';
import { EngineClient } from './client.ts';
import { testDialect } from './dialect.fixture.ts';

let directory: string;
let socketPath: string;
const servers: { close(): unknown; closeAllConnections?(): void }[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'docker-api-'));
  socketPath = join(directory, 's');
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections?.();
    server.close();
  }
  rmSync(directory, { recursive: true });
});

const client = (callTimeoutMs = 20_000, callsAtOnce?: number) =>
  new EngineClient({
    dialect: testDialect,
    endpoint: () => ({ type: 'unix', socketPath }),
    callTimeoutMs,
    callsAtOnce,
  });
const get = { operation: 'inspect', method: 'GET', path: '/x' } as const;

async function engine(listener: RequestListener): Promise<Server> {
  for (const server of servers.splice(0)) server.close();
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return server;
}

describe('EngineClient', () => {
  it('sends the query and the body as they are, and reads JSON', async () => {
    let seen = '';
    await engine((request, response) => {
      seen = `${request.method} ${request.url} `;
      request.on('data', (chunk) => {
        seen += chunk;
      });
      request.on('end', () => response.end('{"Id":"1"}'));
    });
    const answer = await client().json({
      ...get,
      method: 'POST',
      path: '/a',
      query: { name: 'x&y' },
      body: { B: 1 },
    });
    expect(answer).toEqual({ Id: '1' });
    expect(seen).toBe('POST /a?name=x%26y {"B":1}');
  });

  it('has no more calls in flight than it may, and the others take their turns in order', async () => {
    const open: { url: string; end(): void }[] = [];
    let most = 0;
    await engine((request, response) => {
      open.push({ url: request.url ?? '', end: () => response.end('{}') });
      most = Math.max(most, open.length);
    });
    const limited = client(20_000, 2);
    const calls = ['/a', '/b', '/c', '/d', '/e'].map((path) => limited.json({ ...get, path }));
    const aborted = limited.json({ ...get, path: '/f', signal: AbortSignal.timeout(20) });
    await expect(aborted).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'inspect was aborted',
    });
    // A call with a limit of its own waits for nobody.
    const own = limited.json({ ...get, path: '/own', timeoutMs: 1_000 });
    while (open.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    const order: string[] = [];
    while (order.length < 6) {
      const call = open.shift();
      if (call) order.push(call.url);
      call?.end();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all([...calls, own]);
    expect(order.filter((url) => url !== '/own')).toEqual(['/a', '/b', '/c', '/d', '/e']);
    expect(most).toBe(3);
  });

  it('lets nobody wait for a turn at an engine that answers nobody', async () => {
    await engine(() => {});
    const limited = client(100, 1);
    const start = performance.now();
    const calls = Array.from({ length: 50 }, () => limited.json(get));
    const results = await Promise.allSettled(calls);
    expect(results.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
    await expect(calls[49]).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('looks for the engine again where it could not be found', async () => {
    await engine((_request, response) => void response.end('{}'));
    let broken = true;
    const endpoint = () => {
      if (broken) throw new Error('no such context');
      return { type: 'unix', socketPath } as const;
    };
    const late = new EngineClient({ dialect: testDialect, endpoint, callTimeoutMs: 2_000 });
    await expect(late.json(get)).rejects.toMatchObject({ message: 'no such context' });
    broken = false;
    expect(await late.json(get)).toEqual({});
  });

  it('gives an empty answer as undefined, and maps an error', async () => {
    await engine((request, response) => {
      response.statusCode = request.url === '/x' ? 204 : 404;
      response.end(request.url === '/x' ? undefined : '{"message":"No such container: y"}');
    });
    expect(await client().json(get)).toBeUndefined();
    await expect(client().json({ ...get, path: '/y' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'No such container: y',
      runtime: 'test',
      operation: 'inspect',
    });
  });

  it('is UNAVAILABLE where nothing answers', async () => {
    await expect(client().json(get)).rejects.toMatchObject({ code: 'UNAVAILABLE', hint: 'start it' });
  });

  it('gives up on an engine that accepts and never answers', async () => {
    const server = createNetServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    server.on('connection', (socket) => socket.unref().on('error', () => {}));
    const start = performance.now();
    await expect(client(100).json(get)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(client(100).hijack({ ...get, method: 'POST' })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it('gives up on an answer that stops in the middle, and on one that is cut off', async () => {
    await engine((request, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('{');
      if (request.url === '/cut') setTimeout(() => response.destroy(), 20);
    });
    await expect(client(100).json(get)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(client().json({ ...get, path: '/cut' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('obeys the caller’s signal, before and during a call', async () => {
    await engine(() => {});
    await expect(client().json({ ...get, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'inspect was aborted',
    });
    const signal = AbortSignal.timeout(50);
    await expect(client().json({ ...get, signal })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it.each(['', '.', '..', '../..'])('knows nothing named %j', async (name) => {
    let asked = false;
    await engine((_request, response) => {
      asked = true;
      response.writeHead(301, { Location: '/containers/json' }).end();
    });
    const path = `/containers/${encodeURIComponent(name)}/json`;
    await expect(client().json({ ...get, path })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(asked).toBe(false);
  });

  it('takes nothing from DOCKER_HOST', async () => {
    await engine((_request, response) => response.end('{}'));
    process.env.DOCKER_HOST = 'tcp://192.0.2.1:1';
    try {
      await expect(client().json(get)).resolves.toEqual({});
    } finally {
      delete process.env.DOCKER_HOST;
    }
  });
});

describe('a hijacked connection', () => {
  const header = (stream: number, length: number) => Buffer.from([stream, 0, 0, 0, 0, 0, 0, length]);

  async function upgraded(onUpgrade: (socket: NodeJS.ReadWriteStream, head: string) => void) {
    const server = await engine(() => {});
    server.on('upgrade', (request, socket, head) => {
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
      onUpgrade(socket, `${request.headers['content-length']}:${head}`);
    });
    const socket = await client().hijack({ ...get, method: 'POST', path: '/attach', query: { stream: 1 } });
    return rawProcess(
      socket,
      async () => 7,
      (error) => error as Error,
    );
  }

  it('sends no byte of its own as stdin, and half-closes', async () => {
    let stdin = '';
    let first = '';
    const process = await upgraded((socket, head) => {
      first = head;
      socket.on('data', (chunk) => {
        stdin += chunk;
      });
      socket.on('end', () => {
        socket.write(Buffer.concat([header(1, 3), Buffer.from('out'), header(2, 3), Buffer.from('err')]));
        socket.end();
      });
    });
    process.stdin.write('in');
    process.stdin.end('put');
    const [stdout, stderr] = await Promise.all([process.stdout.toArray(), process.stderr.toArray()]);
    expect({ first, stdin, stdout: String(stdout), stderr: String(stderr) }).toEqual({
      first: '0:',
      stdin: 'input',
      stdout: 'out',
      stderr: 'err',
    });
    expect(await process.wait()).toEqual({ exitCode: 7 });
  });

  it('ends for who waits without reading, and can be dropped', async () => {
    const quiet = await upgraded((socket) => socket.end());
    expect(await quiet.wait()).toEqual({ exitCode: 7 });
    const open = await upgraded(() => {});
    open.destroy();
    open.destroy();
    expect(await open.wait()).toEqual({ exitCode: 7 });
  });

  it('reports a connection that broke to who reads, and crashes nobody', async () => {
    const process = await upgraded((socket) => {
      (socket as unknown as { resetAndDestroy?(): void; destroy(): void }).destroy();
    });
    process.stdin.write('x'.repeat(1_000_000));
    expect(await process.wait()).toEqual({ exitCode: 7 });
  });
});
