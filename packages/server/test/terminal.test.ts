import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { call, type ReferenceServer, startReference } from './reference-server.ts';

let service: ReferenceServer;

beforeAll(async () => {
  service = await startReference();
});

afterAll(async () => {
  expect(service.errors).toEqual([]);
  await service[Symbol.asyncDispose]();
});

const create = async (body: object = {}): Promise<string> =>
  (await call(service, 'POST', '/sandbox', { runtime: 'bash', keep: true, ...body })).body.id;

interface Terminal {
  readonly socket: WebSocket;
  shows(text: string): Promise<void>;
  readonly closed: Promise<number>;
  /** Text messages. */
  readonly said: unknown[];
}

function open(id: string, query = '', headers: Record<string, string> = {}): Promise<Terminal> {
  const socket = new WebSocket(`${service.url.replace('http', 'ws')}/sandbox/${id}/terminal${query}`, {
    headers,
  });
  let seen = '';
  const said: unknown[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) seen += data.toString();
    else said.push(JSON.parse(data.toString()));
  });
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  const shows = (text: string) => expect.poll(() => seen, { timeout: 10_000 }).toContain(text);
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ socket, shows, closed, said }));
    socket.on('unexpected-response', (_, response) => reject(new Error(`status ${response.statusCode}`)));
    socket.on('error', reject);
  });
}

it('is a terminal of the size that was asked for, which can change', async () => {
  const { socket, shows, closed, said } = await open(await create(), '?rows=31&columns=97');
  socket.send(Buffer.from('stty size; echo typ"ed"\n'));
  await shows('31 97');
  await shows('typed');
  socket.send(JSON.stringify({ type: 'resize', rows: 40, columns: 120 }));
  socket.send(Buffer.from('stty size\n'));
  await shows('40 120');
  socket.send(Buffer.from('exit 7\n'));
  expect(await closed).toBe(1000);
  expect(said).toEqual([{ type: 'end', ending: 'exited', exitCode: 7, signal: null }]);
});

it('ends its command when the client goes', async () => {
  const id = await create();
  const { socket, shows } = await open(id);
  socket.send(Buffer.from('echo pid $$.\n'));
  await shows('.');
  socket.terminate();
  await expect
    .poll(async () => (await call(service, 'GET', '/metrics')).body, { timeout: 10_000 })
    .toContain('sandbox_executions_running 0');
});

it('takes the sandbox with it that is for one execution', async () => {
  const id = await create({ keep: false });
  const { socket, closed } = await open(id);
  socket.send(Buffer.from('exit\n'));
  await closed;
  await expect.poll(() => service.left(), { timeout: 10_000 }).not.toContain(id);
  await expect(open(id)).rejects.toThrow('status 410');
});

it('is refused to pages of others, and where there is nothing', async () => {
  const id = await create();
  await expect(open(id, '', { origin: 'http://evil.example' })).rejects.toThrow('status 403');
  await expect(open(id, '', { host: 'evil.example' })).rejects.toThrow('status 403');
  await expect(open('sandbox-run-0000000000000000')).rejects.toThrow('status 404');
  await expect(open(id, '?rows=0')).rejects.toThrow('status 400');
  await expect(open(id, '?cwd=..')).rejects.toThrow('status 400');
  expect((await call(service, 'GET', `/sandbox/${id}/terminal`)).status).toBe(426);
});

it('says what is wrong with a message, and closes', async () => {
  const { socket, closed } = await open(await create());
  socket.send('ls\n');
  expect(await closed).toBe(1008);
});

/** All that is answered to these bytes, over a connection of their own. */
function answerTo(text: string): Promise<string> {
  const { hostname, port, host } = new URL(service.url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.write(text.replaceAll('HOST', host).replaceAll('\n', '\r\n'));
  return new Promise((resolve, reject) => {
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

it('leaves nothing running after what is no handshake', async () => {
  const id = await create();
  const asked = `GET /sandbox/${id}/terminal HTTP/1.1\nHost: HOST\nConnection: Upgrade\nUpgrade: websocket\n\n`;
  expect(await answerTo(asked)).toMatch(/^HTTP\/1\.1 400 /);
  await expect
    .poll(async () => (await call(service, 'GET', '/metrics')).body, { timeout: 10_000 })
    .toMatch(/sandbox_executions_running 0[\s\S]*sandbox_requests_working 0/);
  expect((await call(service, 'DELETE', `/sandbox/${id}`)).status).toBe(204);
});

it('an offer of HTTP/2 is passed over', async () => {
  const offer = 'Host: HOST\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk';
  const body = '{ "runtime": "bash" }';
  const created = await answerTo(
    `POST /sandbox HTTP/1.1\n${offer}\nContent-Type: application/json\nContent-Length: ${body.length}\n\n${body}` +
      'GET /health HTTP/1.1\nHost: HOST\nConnection: close\n\n',
  );
  expect(created).toMatch(/^HTTP\/1\.1 201 [\s\S]*"runtime":"bash"[\s\S]*HTTP\/1\.1 200 OK/);
});
