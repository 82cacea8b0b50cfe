import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, type ReferenceServer, startReference } from './reference-server.ts';

let service: ReferenceServer;

/** Few places, so that what happens past them is seen soon. */
const PLACES = { sandboxesPerUser: 16, queuePerUser: 100, queueMs: 5000 };

beforeEach(async ({ task }) => {
  const slow = task.suite?.name.includes('slow') ? { requestTimeoutMs: 1000 } : {};
  service = await startReference({ limits: { ...PLACES, ...slow } });
});

afterEach(async () => {
  expect(service.errors).toEqual([]);
  expect((await call(service, 'GET', '/metrics')).body).toContain('sandbox_requests_working 0');
  await service[Symbol.asyncDispose]();
  expect(await service.left()).toEqual([]);
});

describe('500 requests at once', () => {
  it('are served or refused, and none is lost', async () => {
    const before = process.memoryUsage().rss;
    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const made = await call(service, 'POST', '/sandbox', { runtime: 'sh', code: `echo ${index}` });
        if (made.status !== 201) return made;
        const result = await call(service, 'POST', `/sandbox/${made.body.id}/execute`, {});
        if (result.status === 200) expect(result.body.stdout).toBe(`${index}\n`);
        return result;
      }),
    );
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].sort()).toEqual([200, 429]);
    const served = answers.filter(({ status }) => status === 200);
    // As many as there were places and waiting places; only those that waited too long are missing.
    expect(served.length).toBeGreaterThanOrEqual(16);
    expect(served.length).toBeLessThanOrEqual(116);
    for (const { status, headers, body } of answers) {
      if (status !== 429) continue;
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(body.code).toBe('RESOURCE_EXHAUSTED');
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(500 * 2 ** 20);
  });

  it('in one sandbox too', async () => {
    const { body } = await call(service, 'POST', '/sandbox', { runtime: 'sh', keep: true });
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        call(service, 'POST', `/sandbox/${body.id}/execute`, { command: 'echo', args: [`${index}`] }),
      ),
    );
    const served = answers.flatMap(({ status, body: result }, index) =>
      status === 200 ? [[result.stdout, `${index}\n`]] : [],
    );
    for (const [stdout, expected] of served) expect(stdout).toBe(expected);
    expect(served.length).toBeGreaterThanOrEqual(32);
    // How many come too fast for the queue depends on how fast they are served.
    for (const { status } of answers) expect([200, 429]).toContain(status);
  });
});

describe('a client that is slow on purpose', () => {
  /** Sends this, and resolves with all that comes until the connection ends. */
  function send(text: string): Promise<string> {
    const { hostname, port } = new URL(service.url);
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write(text));
      let answer = '';
      socket.on('data', (data) => {
        answer += data.toString();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(answer));
    });
  }
  const head = (type = 'application/json') =>
    `POST /sandbox HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n`;

  it('holds its place no longer than a request may take', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => send(`${head()}\r\n{"runtime":`)));
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 408/);
      expect(answer).toContain('"code":"INVALID_ARGUMENT"');
    }
    expect((await call(service, 'POST', '/sandbox', { runtime: 'sh' })).status).toBe(201);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['headers without end', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
    ['no Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['a Host that is none', 'GET /health HTTP/1.1\r\nHost: a@b\r\nConnection: close\r\n\r\n', 400],
    ['an address that is none', 'GET // HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 404],
  ])('or talks nonsense (%s) gets a problem document', async (_, text, status) => {
    const answer = await send(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status}`));
    expect(answer.toLowerCase()).toContain('content-type: application/problem+json');
  });

  it('that sends no body to something that takes none of its kind is answered at once', async () => {
    expect(await send(`${head('text/plain')}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 415/);
  });
});
