import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiKey } from '@sandbox/config';
import { createSandboxes } from '@sandbox/core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { call, type ReferenceServer, startReference } from './reference-server.ts';

const ann = createApiKey('ann');
const bob = createApiKey('bob');
const keys = [ann.kept, bob.kept];
const as = (key: string) => ({ authorization: `Bearer ${key}` });

describe('with keys', () => {
  let service: ReferenceServer;
  beforeAll(async () => {
    service = await startReference({ access: { keys, workspaceRoots: () => [] } });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it.each([
    ['none', {}],
    ['one of nobody', as(createApiKey('ann').key)],
    ['one with another end', as(`${ann.key.slice(0, -1)}${ann.key.endsWith('A') ? 'B' : 'A'}`)],
    ['an empty one', as('')],
    ['its hash', as(ann.kept.hash)],
    ['another scheme', { authorization: `Basic ${Buffer.from(`ann:${ann.key}`).toString('base64')}` }],
  ])('refuses %s', async (_, headers) => {
    for (const [method, path] of [
      ['GET', '/sandbox'],
      ['POST', '/sandbox'],
      ['GET', '/sandbox/x/files?path=y'],
      ['DELETE', '/sandbox/x'],
      ['GET', '/metrics'],
    ] as const) {
      const answer = await call(service, method, path, method === 'POST' ? {} : undefined, headers);
      expect(answer).toMatchObject({ status: 401, body: { code: 'PERMISSION_DENIED' } });
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  it('tells everybody that it is there, and how it is used', async () => {
    for (const path of ['/health', '/openapi.json', '/docs'])
      expect((await call(service, 'GET', path)).status).toBe(200);
  });

  it('shows nobody what is another’s', async () => {
    const made = await call(service, 'POST', '/sandbox', { runtime: 'sh', keep: true }, as(ann.key));
    expect(made).toMatchObject({ status: 201, body: { user: 'ann' } });
    const { id } = made.body;
    const path = `/sandbox/${id}`;
    for (const [method, route, body] of [
      ['GET', path],
      ['GET', `${path}/stats`],
      ['GET', `${path}/files?path=.`],
      ['DELETE', `${path}/files?path=x`],
      ['POST', `${path}/files`, []],
      ['POST', `${path}/execute`, { command: 'true' }],
      ['DELETE', path],
    ] as const) {
      const answer = await call(service, method, route, body, as(bob.key));
      expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    }
    expect((await call(service, 'GET', '/sandbox', undefined, as(bob.key))).body).toEqual({ sandboxes: [] });
    expect((await call(service, 'GET', '/sandbox', undefined, as(ann.key))).body.sandboxes).toMatchObject([
      { id },
    ]);
    expect((await call(service, 'DELETE', path, undefined, as(ann.key))).status).toBe(204);
    expect((await call(service, 'GET', path, undefined, as(bob.key))).status).toBe(404);
    expect((await call(service, 'GET', path, undefined, as(ann.key))).status).toBe(410);
  });
});

it.each(['over HTTP', 'by another program'])(
  'a sandbox that was removed is not its owner’s when another user’s has its name, made %s',
  async (how) => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'server-access-')));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const workspace = join(directory, 'roots/project');
    mkdirSync(workspace, { recursive: true });
    chmodSync(directory, 0o711);
    if (process.getuid?.() === 0) chownSync(workspace, 1000, 1000);
    const workspaceRoots = () => [join(directory, 'roots')];
    await using service = await startReference({
      ...{ directory: join(directory, 'sandboxes'), access: { keys, workspaceRoots } },
    });
    const request = { runtime: 'sh', lifecycle: 'long-lived', workspace, workspaceAccess: 'none' };
    const open = (key: string) => call(service, 'POST', '/sandbox', request, as(key));
    const { id } = (await open(ann.key)).body;
    const run = (key: string, code: string) =>
      call(service, 'POST', `/sandbox/${id}/execute`, { code }, as(key));
    expect((await run(ann.key, 'true')).body).toMatchObject({ exitCode: 0 });
    expect((await open(bob.key)).status).toBe(403);

    // As `sandbox rm` does it, or cleanup.
    await service.adapter.remove(id, { volumes: true });
    if (how === 'over HTTP') {
      expect(await open(bob.key)).toMatchObject({ status: 201, body: { user: 'bob' } });
      expect((await run(bob.key, 'echo mine > ~/file')).body).toMatchObject({ exitCode: 0 });
    } else {
      const policy = { network: 'full', workspaceAccess: 'none' } as const;
      await using sandboxes = createSandboxes({ adapter: service.adapter, policy });
      const box = await sandboxes.open({ workspace, user: 'bob' });
      await box.exec(['sh', '-c', 'echo mine > ~/file']);
      // Whoever finds out first.
      expect((await run(ann.key, 'cat ~/file')).status).toBe(403);
      expect((await call(service, 'DELETE', `/sandbox/${id}`, undefined, as(ann.key))).status).toBe(403);
    }
    const list = await call(service, 'GET', '/sandbox', undefined, as(ann.key));
    expect(list.body.sandboxes).toEqual([]);
    for (const method of ['GET', 'DELETE'])
      expect((await call(service, method, `/sandbox/${id}`, undefined, as(ann.key))).status).toBe(404);
    expect((await run(ann.key, 'cat ~/file')).status).toBe(404);
    expect(await service.left()).toEqual([id]);
    expect(await service.adapter.volumes?.list()).toHaveLength(1);
  },
);

it('what keys there are is asked at each request', async () => {
  const current = { keys: [] as (typeof keys)[number][], workspaceRoots: () => [] };
  await using service = await startReference({ access: current });
  expect((await call(service, 'GET', '/sandbox')).status).toBe(200);
  current.keys.push(ann.kept);
  expect((await call(service, 'GET', '/sandbox')).status).toBe(401);
  expect((await call(service, 'GET', '/sandbox', undefined, as(ann.key))).status).toBe(200);
  current.keys.pop();
  current.keys.push(bob.kept);
  expect((await call(service, 'GET', '/sandbox', undefined, as(ann.key))).status).toBe(401);
});

it('trust bounds what a request may ask for', async () => {
  await using service = await startReference({
    manager: {
      policy: { network: 'full' },
      ceilings: { familiar: { maxTimeoutMs: 300_000, maxSandboxes: 1, allowRoot: false, bestEffort: [] } },
    },
  });
  const create = (body: object) => call(service, 'POST', '/sandbox', { runtime: 'sh', ...body });
  for (const body of [
    { user: 'root' },
    { bestEffort: ['memory'] },
    { limits: { timeoutMs: '10m' } },
    { limits: { timeoutMs: null } },
  ])
    expect(await create(body)).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
  const made = await create({ keep: true });
  expect(made).toMatchObject({ status: 201 });
  const late = await call(service, 'POST', `/sandbox/${made.body.id}/execute`, {
    command: 'true',
    timeoutMs: 600_000,
  });
  expect(late).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
  expect(await create({})).toMatchObject({ status: 429, body: { code: 'RESOURCE_EXHAUSTED' } });
});

describe('who may reach it', () => {
  it('without keys, nobody but over the loopback address', async () => {
    for (const host of ['0.0.0.0', '::', 'example.invalid']) {
      const start = startReferenceAt(host);
      await expect(start).rejects.toMatchObject({
        code: host === 'example.invalid' ? 'INVALID_ARGUMENT' : 'FAILED_PRECONDITION',
        hint: expect.any(String),
      });
    }
  });

  it('with keys, everybody', async () => {
    await using service = await startReference({
      access: { keys, workspaceRoots: () => [] },
      host: '0.0.0.0',
    });
    const port = new URL(service.url).port;
    expect((await call({ url: `http://127.0.0.1:${port}` }, 'GET', '/health')).status).toBe(200);
  });

  it('says so where a port is taken', async () => {
    await using service = await startReference();
    const port = Number(new URL(service.url).port);
    await expect(startReference({ port })).rejects.toMatchObject({ hint: expect.stringContaining('--port') });
  });
});

async function startReferenceAt(host: string): Promise<void> {
  await using service = await startReference({ host });
  void service;
}

describe('what a page in a browser could send', () => {
  let service: ReferenceServer;
  beforeAll(async () => {
    service = await startReference({ hosts: ['box.example'] });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  /** As `fetch` refuses to: with any Host. */
  function send(
    headers: Record<string, string>,
    method = 'GET',
    path = '/sandbox',
    body = '',
  ): Promise<number> {
    const { hostname, port } = new URL(service.url);
    return new Promise((resolve, reject) => {
      const sent = request({ hostname, port, method, path, headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  it.each([
    ['evil.example', 403],
    ['evil.example:7070', 403],
    ['localhost.evil.example', 403],
    ['localhost@evil.example', 400],
    ['169.254.169.254', 403],
    ['localhost', 200],
    ['LOCALHOST:1234', 200],
    ['127.0.0.1', 200],
    ['[::1]:7070', 200],
    ['box.example', 200],
  ])('Host %j: %i', async (host, status) => {
    expect(await send({ host })).toBe(status);
    expect(await send({ host }, 'GET', '/openapi.json')).toBe(status);
  });

  it.each([
    ['http://evil.example', 403],
    ['null', 403],
    ['https://localhost', 200],
    ['http://localhost:1', 403],
    ['http://localhost', 200],
  ])('Origin %j: %i', async (origin, status) => {
    expect(await send({ host: 'localhost', origin })).toBe(status);
  });

  it('has no CORS', async () => {
    const response = await fetch(`${service.url}/sandbox`, { method: 'OPTIONS' });
    expect(response.status).toBe(404);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', ''])(
    'a body of type %j makes nothing',
    async (type) => {
      const headers: Record<string, string> = { host: 'localhost', ...(type && { 'content-type': type }) };
      expect(await send(headers, 'POST', '/sandbox', '{"runtime":"sh"}')).toBe(415);
      expect(await service.left()).toEqual([]);
    },
  );
});
