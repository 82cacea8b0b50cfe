import { createHash } from 'node:crypto';
import { SandboxError } from '@sandbox/core';
import { createServiceLog, type LogLevel } from '@sandbox/server';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  call,
  type ReferenceServer,
  type ReferenceServerOptions,
  startReference,
} from './reference-server.ts';

let service: ReferenceServer | undefined;
let written = '';
afterEach(async () => {
  await service?.[Symbol.asyncDispose]();
  service = undefined;
  written = '';
});

const start = async (options: ReferenceServerOptions = {}, level: LogLevel = 'debug') => {
  const log = createServiceLog({
    level,
    write: (line) => {
      written += line;
    },
  });
  service = await startReference({ log, ...options });
  return service;
};
const lines = () =>
  written
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const key = `sbx_k3v9x2qa_${'k'.repeat(43)}`;
const access = {
  keys: [{ id: 'k3v9x2qa', user: 'alice', hash: createHash('sha256').update(key).digest('hex') }],
  workspaceRoots: () => [],
};

it('tells what is done, by whom, and how it went', async () => {
  const { url } = await start();
  const { body } = await call({ url }, 'POST', '/sandbox', { runtime: 'bash', code: 'exit 3' });
  await call({ url }, 'POST', `/sandbox/${body.id}/execute`, {});
  await call({ url }, 'GET', '/nowhere');
  await call({ url }, 'GET', '/health');
  await service?.[Symbol.asyncDispose]();
  service = undefined;
  const common = { sandbox: body.id, user: 'ann', runtime: 'bash', adapter: 'reference' };
  const request = { msg: 'request', durationMs: expect.any(Number) };
  expect(lines()).toMatchObject([
    { level: 'info', msg: 'listening', address: '127.0.0.1', time: expect.stringMatching(/^\d{4}-.*Z$/) },
    { level: 'info', msg: 'created', ...common, lifecycle: 'ephemeral' },
    { level: 'info', ...request, method: 'POST', path: '/sandbox', status: 201, user: 'ann' },
    { level: 'info', msg: 'removed', sandbox: body.id, user: 'ann' },
    { level: 'info', msg: 'executed', ...common, ending: 'exited', exitCode: 3, errorCode: null },
    { level: 'info', ...request, path: `/sandbox/${body.id}/execute`, status: 200 },
    { level: 'info', ...request, path: '/nowhere', status: 404, errorCode: 'NOT_FOUND', user: null },
    { level: 'debug', ...request, path: '/health', status: 200 },
    { level: 'info', msg: 'stopping' },
    { level: 'info', msg: 'stopped' },
  ]);
});

it('has no secret in it, wherever one was sent', async () => {
  const planted = 'planted-secret-which-nobody-logs';
  const { url, adapter, errors } = await start({ access });
  const headers = { authorization: `Bearer ${key}`, cookie: `session=${planted}`, 'x-api-key': planted };
  const send = (method: string, path: string, body?: unknown) => call({ url }, method, path, body, headers);
  const { body } = await send('POST', '/sandbox', {
    ...{ runtime: 'bash', keep: true, code: `echo ${planted}`, env: { TOKEN: planted } },
    files: [{ path: `${planted}.txt`, content: planted }],
  });
  expect(body.id).toMatch(/^sandbox-/);
  const execute = `/sandbox/${body.id}/execute`;
  expect((await send('POST', execute, {})).body.stdout).toBe(`${planted}\n`);
  await send('POST', execute, { code: `cat; exit 4 # ${planted}`, stdin: planted, env: { A: planted } });
  await send('POST', execute, { command: 'printf', args: [planted] });
  await send('POST', execute, { command: `/no/${planted}` });
  await send('POST', execute, { command: 'true', cwd: `../../${planted}` });
  await send('POST', execute, { command: 'true', [planted]: planted });
  await send('GET', `/sandbox/${body.id}/files?path=${planted}.txt`);
  await send('GET', `/sandbox/${body.id}/files?path=not-${planted}`);
  await send('GET', `/sandbox/${key}`);
  await call({ url }, 'GET', '/sandbox', undefined, { authorization: `Bearer ${planted}` });
  await fetch(`${url}/sandbox`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: `{"code": "${planted}" ${planted}`,
  });
  const stream = await fetch(`${url}${execute}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ code: `echo ${planted}`, env: { TOKEN: planted } }),
  });
  expect(await stream.text()).toContain(planted);
  const socket = new WebSocket(
    `${url.replace('http', 'ws')}/sandbox/${body.id}/terminal?command=${planted}`,
    {
      headers,
    },
  );
  await new Promise((resolve) => socket.on('close', resolve).on('error', () => {}));
  await adapter.remove(body.id);
  await send('POST', execute, { code: planted });
  expect(lines().filter(({ msg }) => msg === 'executed').length).toBeGreaterThan(6);
  expect(lines().filter(({ msg }) => msg === 'request').length).toBeGreaterThan(12);
  expect(errors).toEqual([]);
  expect(written).not.toContain('planted');
  expect(written).not.toContain(key.slice(13));
});

it('tells what failed inside, without what the request had in it', async () => {
  const planted = 'planted-secret-which-nobody-logs';
  const { url, adapter, errors } = await start({
    health: () => {
      throw Object.assign(new TypeError(`health of Bearer ${planted}`), {
        ...{ spawnargs: [planted], stdout: planted, cmd: planted },
        cause: new Error('because'),
      });
    },
  });
  expect((await call({ url }, 'GET', '/health')).status).toBe(500);
  const create = adapter.create;
  Object.assign(adapter, {
    create: async () => {
      throw new TypeError(`cannot run ["sh","-c","${planted}"] with TOKEN=${planted.slice(0, 20)}…`);
    },
  });
  const body = { runtime: 'bash', env: { TOKEN: planted } };
  const answer = await call({ url }, 'POST', '/sandbox', body);
  Object.assign(adapter, {
    create: async () => {
      throw new SandboxError('UNAVAILABLE', `no answer to {"Env":["TOKEN=${planted}"]}`, {});
    },
  });
  expect((await call({ url }, 'POST', '/sandbox', body)).status).toBe(503);
  Object.assign(adapter, { create });
  expect(answer).toMatchObject({ status: 500, body: { code: 'UNKNOWN' } });
  const failed = lines().filter(({ msg }) => msg === 'failed');
  expect(failed).toMatchObject([
    {
      ...{ level: 'error', what: 'GET /health' },
      error: { type: 'TypeError', cause: 'because', stack: expect.stringContaining('at ') },
    },
    { level: 'error', what: 'POST /sandbox', error: { message: expect.stringContaining('[redacted]') } },
  ]);
  expect(lines().find(({ msg }) => msg === 'unavailable')).toMatchObject({
    ...{ level: 'warn', error: { message: 'no answer to {"Env":["TOKEN=[redacted]"]}' } },
  });
  expect(written).not.toContain('planted');
  expect(errors).toHaveLength(2);
  expect(String(errors[1])).toContain('planted');
});

it('is as loud as it is told to be', async () => {
  const { url } = await start({}, 'error');
  await call({ url }, 'GET', '/nowhere');
  expect(written).toBe('');
});

it('takes a secret out that a caller of the log did not keep back', () => {
  const log = createServiceLog({
    write: (line) => {
      written += line;
    },
  });
  log.info({ env: { A: 'planted' }, request: { headers: { a: 'planted' }, deep: { code: 'planted' } } }, 'x');
  const failure = Object.assign(new Error('n'), { cmd: 'planted', Authorization: 'planted' });
  log.warn({ failure, list: [{ Authorization: 'planted' }], at: new Date(0) }, `Bearer ${key}`);
  expect(lines().at(-1)).toMatchObject({ failure: { message: 'n' }, at: '1970-01-01T00:00:00.000Z' });
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  log.warn(circle, 'z');
  log.error(Object.assign(new TypeError('alone'), { stdin: 'planted' }));
  expect(lines().at(-1)).toMatchObject({ err: { type: 'TypeError', message: 'alone' }, msg: 'alone' });
  expect(lines()).toHaveLength(4);
  expect(written).not.toMatch(/planted|kkkk/);
});
