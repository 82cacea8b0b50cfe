import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createReferenceAdapter } from '@sandbox/conformance/reference';
import { type RuntimeAdapter, SandboxError } from '@sandbox/core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { call, type ReferenceServer, startReference } from './reference-server.ts';

let service: ReferenceServer;

beforeAll(async () => {
  service = await startReference();
});

afterAll(async () => {
  expect(service.errors).toEqual([]);
  await service[Symbol.asyncDispose]();
});

const create = (body: object) => call(service, 'POST', '/sandbox', { runtime: 'bash', ...body });
const execute = (id: string, body: object = {}) => call(service, 'POST', `/sandbox/${id}/execute`, body);

/** Its command runs: until then it would be refused, and not ended. */
const started = (where: ReferenceServer, id: string) =>
  expect
    .poll(async () => (await call(where, 'GET', `/sandbox/${id}/files?path=started`)).status, {
      timeout: 10_000,
    })
    .toBe(200);

describe('a sandbox for one execution', () => {
  it('is made, executes its code, and is gone', async () => {
    const { status, body } = await create({ code: 'echo hello; echo oops >&2; exit 3' });
    expect({ status, body }).toMatchObject({ status: 201 });
    expect(body).toMatchObject({
      id: body.name,
      runtime: 'bash',
      adapter: 'reference',
      state: 'running',
      lifecycle: 'ephemeral',
      user: 'ann',
      files: [],
      limits: { timeoutMs: 120_000 },
    });
    expect((await call(service, 'GET', `/sandbox/${body.id}`)).body).toEqual(body);

    const result = await execute(body.id);
    expect(result.status).toBe(200);
    expect(result.body).toMatchObject({
      runtime: 'bash',
      adapter: 'reference',
      sandbox: body.id,
      command: ['bash', 'main.bash'],
      ending: 'exited',
      exitCode: 3,
      stdout: 'hello\n',
      stderr: 'oops\n',
    });
    expect(await service.left()).not.toContain(body.id);

    const after = await call(service, 'GET', `/sandbox/${body.id}`);
    expect(after.status).toBe(410);
    expect(after.headers.get('content-type')).toBe('application/problem+json');
    expect(after.body).toMatchObject({ code: 'NOT_FOUND', status: 410, lastResult: result.body });
    expect((await execute(body.id)).status).toBe(410);
  });

  it('has the keys of `sandbox run --json`, with the language and the engine under their own names', async () => {
    const { body } = await create({ code: 'true' });
    expect(Object.keys((await execute(body.id)).body)).toEqual(
      'runtime adapter adapterReason sandbox command ending exitCode signal stdout stderr stdoutTruncated stderrTruncated durationMs usage enforcement warnings codeWarnings'.split(
        ' ',
      ),
    );
  });

  it('is removed by DELETE, once and again', async () => {
    const { body } = await create({});
    expect((await call(service, 'DELETE', `/sandbox/${body.id}`)).status).toBe(204);
    expect(await service.left()).not.toContain(body.id);
    expect((await call(service, 'DELETE', `/sandbox/${body.id}`)).status).toBe(204);
    expect((await call(service, 'GET', `/sandbox/${body.id}`)).body).toMatchObject({ lastResult: null });
  });
});

describe('a sandbox that is kept', () => {
  it('is there for more executions, until it is removed', async () => {
    const { body } = await create({ keep: true, code: 'echo x >> log; wc -l < log' });
    for (const stdout of ['1\n', '2\n', '3\n']) {
      expect((await execute(body.id)).body.stdout.trim()).toBe(stdout.trim());
    }
    expect(await service.left()).toContain(body.id);
    expect((await call(service, 'DELETE', `/sandbox/${body.id}`)).status).toBe(204);
    expect(await service.left()).not.toContain(body.id);
  });

  it('goes when its time is up, and says when that is', async () => {
    const { body } = await create({ keepMs: 1500 });
    expect(Date.parse(body.expiresAt) - Date.parse(body.createdAt)).toBe(1500);
    expect((await execute(body.id, { command: 'true' })).status).toBe(200);
    await expect.poll(() => service.left(), { timeout: 10_000 }).not.toContain(body.id);
    const { status, body: gone } = await call(service, 'GET', `/sandbox/${body.id}`);
    expect({ status, ending: gone.lastResult.ending }).toEqual({ status: 410, ending: 'exited' });
  });

  it('lets what runs in it end first', async () => {
    const { body } = await create({ keepMs: 300 });
    const { body: result } = await execute(body.id, { code: 'sleep 1; echo done' });
    expect(result).toMatchObject({ ending: 'exited', stdout: 'done\n' });
    await expect.poll(() => service.left(), { timeout: 10_000 }).not.toContain(body.id);
  });

  it('that is removed while something runs ends it', async () => {
    const { body } = await create({ keep: true });
    const running = execute(body.id, { code: 'touch started; sleep 300' });
    await started(service, body.id);
    expect((await call(service, 'DELETE', `/sandbox/${body.id}`)).status).toBe(204);
    expect((await running).body).toMatchObject({ ending: 'aborted' });
  });
});

it('one that is not for more takes no second execution beside the first', async () => {
  const { body } = await create({ code: 'sleep 0.5; echo first' });
  const first = execute(body.id);
  await expect
    .poll(async () => (await call(service, 'GET', '/metrics')).body, { timeout: 10_000 })
    .toContain('sandbox_executions_running 1');
  expect(await execute(body.id)).toMatchObject({ status: 409, body: { code: 'FAILED_PRECONDITION' } });
  expect((await first).body.stdout).toBe('first\n');
});

it.each(['GET', 'POST'])('one that somebody else removed has gone, which %s finds out', async (method) => {
  const { body } = await create({ keep: true });
  await service.adapter.remove(body.id);
  if (method === 'POST') {
    const { status, body: problem } = await execute(body.id, { command: 'true' });
    expect({ status, code: problem.code }).toEqual({ status: 503, code: 'UNAVAILABLE' });
  }
  expect((await call(service, 'GET', `/sandbox/${body.id}`)).status).toBe(410);
  expect((await call(service, 'GET', '/sandbox')).body.sandboxes).not.toContainEqual(
    expect.objectContaining({ id: body.id }),
  );
});

it('the place of one that somebody else removed is free for the next', async () => {
  await using narrow = await startReference({ limits: { sandboxesPerUser: 2, queueMs: 300 } });
  const create = () => call(narrow, 'POST', '/sandbox', { runtime: 'sh', keep: true });
  const [gone, there] = [await create(), await create()];
  expect((await create()).status).toBe(429);
  await narrow.adapter.remove(gone.body.id);
  expect((await Promise.all([create(), create()])).map(({ status }) => status).sort()).toEqual([201, 429]);
  expect((await call(narrow, 'GET', `/sandbox/${gone.body.id}`)).status).toBe(410);
  expect((await call(narrow, 'GET', `/sandbox/${there.body.id}`)).status).toBe(200);
});

it('one whose runtime is away for a moment keeps its place, and is there afterwards', async () => {
  const runtime = createReferenceAdapter({ claims: ['namespaces'] });
  let isAway = false;
  const away = () => Promise.reject(new SandboxError('UNAVAILABLE', 'not now'));
  const adapter: RuntimeAdapter = {
    ...runtime,
    inspect: (name, call) => (isAway ? away() : runtime.inspect(name, call)),
    // As all lists are without a runtime that is not found, where there are others.
    list: async (labels, call) => (isAway ? [] : runtime.list(labels, call)),
  };
  await using narrow = await startReference({
    manager: { adapter },
    limits: { sandboxesPerUser: 1, queueMs: 300 },
  });
  const create = () => call(narrow, 'POST', '/sandbox', { runtime: 'sh', keep: true });
  const { body } = await create();
  isAway = true;
  expect((await create()).status).toBe(429);
  isAway = false;
  expect((await call(narrow, 'GET', `/sandbox/${body.id}`)).status).toBe(200);
});

it('what nobody executes in goes, kept or not', async () => {
  await using idle = await startReference({ limits: { idleTtlMs: 400 } });
  for (const keep of [true, false]) {
    const { body } = await call(idle, 'POST', '/sandbox', { runtime: 'sh', keep });
    expect(Date.parse(body.expiresAt) - Date.parse(body.createdAt)).toBe(400);
    await expect.poll(() => idle.left(), { timeout: 10_000 }).toEqual([]);
    expect((await call(idle, 'GET', `/sandbox/${body.id}`)).status).toBe(410);
  }
});

describe('what is asked wrongly', () => {
  it.each([
    ['an unknown language', { runtime: 'cobol' }, 400],
    ['an engine that is not there', { adapter: 'docker' }, 404],
    ['an unknown key', { langage: 'bash' }, 400],
    ['a bad size', { limits: { memoryBytes: '12 parsecs' } }, 400],
    ['a control that cannot be enforced here', { limits: { memoryBytes: '64m' } }, 422],
    ['an image that is a directory of this machine', { image: '/' }, 403],
    ['an image that is a relative path', { image: '../..' }, 403],
    ['a workspace without roots', { workspace: '/tmp' }, 403],
    ['a long-lived one without a workspace', { lifecycle: 'long-lived' }, 400],
    ['a file that leads out', { files: [{ path: '../x', content: '' }] }, 400],
  ])('%s is refused with a problem document, and leaves nothing', async (_, body, status) => {
    const before = await service.left();
    const answer = await create(body);
    expect(answer).toMatchObject({ status, body: { status, code: expect.any(String) } });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await service.left()).toEqual(before);
  });

  it('bodies that are no JSON, or no UTF-8', async () => {
    for (const bytes of ['{', '', 'null', '[]', Buffer.from([0x22, 0xff, 0x22])]) {
      const response = await fetch(`${service.url}/sandbox`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof bytes === 'string' ? bytes : new Uint8Array(bytes),
      });
      expect({ status: response.status, body: await response.json() }).toMatchObject({
        status: 400,
        body: { code: 'INVALID_ARGUMENT' },
      });
    }
  });

  it('routes that are not there', async () => {
    expect(await call(service, 'GET', '/nothing')).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    });
    expect((await call(service, 'GET', '/sandbox/sandbox-run-0123456789abcdef')).status).toBe(404);
  });
});

describe('long-lived sandboxes', () => {
  function place() {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), 'server-life-')));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const workspace = join(directory, 'roots/project');
    mkdirSync(workspace, { recursive: true });
    // As root runs these tests, commands run as another user, who must get there.
    chmodSync(directory, 0o711);
    if (process.getuid?.() === 0) chownSync(workspace, 1000, 1000);
    const roots = [join(directory, 'roots')];
    const options = {
      directory: join(directory, 'sandboxes'),
      access: { keys: [], workspaceRoots: () => roots },
    };
    const request = { runtime: 'sh', lifecycle: 'long-lived', workspace, workspaceAccess: 'none' };
    return { directory, workspace, roots, options, request };
  }

  it('outlive the service, and are known again to it', async () => {
    const { directory, workspace, roots, options, request } = place();
    let id: string;
    {
      await using first = await startReference(options);
      const { status, body } = await call(first, 'POST', '/sandbox', request);
      expect({ status, body }).toMatchObject({
        status: 201,
        body: { expiresAt: null, lifecycle: 'long-lived' },
      });
      ({ id } = body);
      expect((await call(first, 'POST', '/sandbox', request)).body.id).toBe(id);
      expect((await call(first, 'POST', `/sandbox/${id}/execute`, { code: 'true' })).body.exitCode).toBe(0);
      // Who asks for it again with other code means that.
      for (const exitCode of [3, 4]) {
        await call(first, 'POST', '/sandbox', { ...request, code: `exit ${exitCode}` });
        expect((await call(first, 'POST', `/sandbox/${id}/execute`, {})).body.exitCode).toBe(exitCode);
      }
    }
    {
      await using second = await startReference(options);
      expect(await second.left()).toEqual([id]);
      expect((await call(second, 'GET', '/sandbox')).body.sandboxes).toMatchObject([{ id, runtime: 'sh' }]);
      expect((await call(second, 'GET', `/sandbox/${id}`)).body).toMatchObject({ id, runtime: 'sh' });
    }
    await using third = await startReference(options);
    expect((await call(third, 'GET', `/sandbox/${id}`)).status).toBe(200);
    // What the service knows, and what it only finds again, is not theirs any more who may not have the directory.
    roots.pop();
    for (const path of [`/sandbox/${id}`, `/sandbox/${id}/files?path=.`])
      expect((await call(third, 'GET', path)).status).toBe(404);
    expect((await call(third, 'POST', `/sandbox/${id}/execute`, { code: 'true' })).status).toBe(404);
    expect((await call(third, 'GET', '/sandbox')).body.sandboxes).toEqual([]);
    await using fourth = await startReference(options);
    expect((await call(fourth, 'GET', `/sandbox/${id}`)).status).toBe(404);
    roots.push(join(directory, 'roots'));
    expect((await call(third, 'DELETE', `/sandbox/${id}`)).status).toBe(204);
    expect(await third.left()).toEqual([]);
    expect(existsSync(workspace)).toBe(true);
  });

  it('that are made and removed again and again leave others their last results', async () => {
    const { options, request } = place();
    await using service = await startReference(options);
    const code = `head -c 10000000 /dev/zero | tr '\\0' x`;
    // Of results like this one three are remembered.
    const round = async (asked: object) => {
      const { id } = (await call(service, 'POST', '/sandbox', asked)).body;
      const { body } = await call(service, 'POST', `/sandbox/${id}/execute`, { code });
      expect(body.stdout).toHaveLength(10_000_000);
      expect((await call(service, 'DELETE', `/sandbox/${id}`)).status).toBe(204);
      return id;
    };
    for (let count = 0; count < 3; count += 1) await round(request);
    const others = [await round({ runtime: 'sh', keep: true }), await round({ runtime: 'sh', keep: true })];
    for (const id of others)
      expect((await call(service, 'GET', `/sandbox/${id}`)).body.lastResult).not.toBeNull();
  });

  it('of which only the home is left are not taken that away by who looks, and are made again with it', async () => {
    const { options, request } = place();
    await using first = await startReference(options);
    const { id } = (await call(first, 'POST', '/sandbox', request)).body;
    const run = async (where: ReferenceServer, code: string) =>
      (await call(where, 'POST', `/sandbox/${id}/execute`, { code })).body;
    expect(await run(first, 'echo kept > ~/file')).toMatchObject({ exitCode: 0 });
    await first.adapter.remove(id);
    const missing = { id, state: 'missing', lifecycle: 'long-lived' };
    expect((await call(first, 'GET', `/sandbox/${id}`)).body).toMatchObject(missing);
    expect((await call(first, 'GET', '/sandbox')).body.sandboxes).toMatchObject([missing]);
    expect(await run(first, 'true')).toMatchObject({ code: 'NOT_FOUND' });

    await using second = await startReference(options);
    expect((await call(second, 'GET', `/sandbox/${id}`)).body).toMatchObject(missing);
    expect(await run(second, 'true')).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect((await call(second, 'POST', '/sandbox', request)).status).toBe(201);
    for (const where of [second, first])
      expect(await run(where, 'cat ~/file')).toMatchObject({ stdout: 'kept\n' });

    await first.adapter.remove(id);
    await using third = await startReference(options);
    expect((await call(third, 'DELETE', `/sandbox/${id}`)).status).toBe(204);
    expect(await first.adapter.volumes?.list()).toEqual([]);
    expect((await call(third, 'GET', '/sandbox')).body.sandboxes).toEqual([]);
  });
});

describe('the end of the service', () => {
  it('gives running commands their grace, answers their clients, and removes what is ephemeral', async () => {
    const ending = await startReference();
    const { body } = await call(ending, 'POST', '/sandbox', { runtime: 'bash', keep: true });
    const idle = await call(ending, 'POST', '/sandbox', { runtime: 'bash' });
    const code = `trap 'echo got TERM; exit 5' TERM; echo ready; while :; do sleep 0.05; done`;
    const running = fetch(`${ending.url}/sandbox/${body.id}/execute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ code }),
    });
    const response = await running;
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    while (!text.includes('ready')) text += Buffer.from((await reader.read()).value ?? []).toString();
    const closed = ending[Symbol.asyncDispose]();
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += Buffer.from(part.value).toString();
    await closed;
    expect(text).toContain('got TERM');
    expect(text).toContain('event: result');
    expect(await ending.left()).toEqual([]);
    expect(idle.status).toBe(201);
    await expect(call(ending, 'GET', '/health')).rejects.toThrow();
  });

  it('kills what does not listen', async () => {
    const ending = await startReference({ limits: { graceMs: 200 } });
    const { body } = await call(ending, 'POST', '/sandbox', {
      runtime: 'bash',
      code: `trap '' TERM; touch started; sleep 300`,
    });
    const running = call(ending, 'POST', `/sandbox/${body.id}/execute`, {});
    await started(ending, body.id);
    await ending[Symbol.asyncDispose]();
    expect((await running).body).toMatchObject({ ending: 'aborted' });
    expect(await ending.left()).toEqual([]);
  });
});
