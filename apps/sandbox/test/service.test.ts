import { randomBytes } from 'node:crypto';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSandboxes, type RuntimeAdapter, type Sandboxes } from '@sandbox/core';
import { builtInLanguages } from '@sandbox/languages';
import { createServer, type SandboxServer } from '@sandbox/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scope } from './app.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

/** Every route, on real engines. */
describe.each(namedRuntimes)('the service on %s', (runtime) => {
  let adapter: RuntimeAdapter;
  let sandboxes: Sandboxes;
  let server: SandboxServer;
  let url: string;
  let root: string;

  beforeAll(async () => {
    root = realpathSync(mkdtempSync(path.join(tmpdir(), 'sandbox-service-')));
    mkdirSync(path.join(root, 'project'));
    chownSync(path.join(root, 'project'), 1000, 1000);
    symlinkSync('/etc', path.join(root, 'link'));
    adapter = await loadAdapter(runtime);
    sandboxes = createSandboxes({ adapter, scope, tools: false });
    const access = { keys: [], workspaceRoots: () => [root] };
    server = createServer({ sandboxes, languages: builtInLanguages, localUser: 'ann', access });
    url = await server.listen({ port: 0 });
  });

  afterAll(async () => {
    await server.close();
    expect(await left()).toEqual([]);
    await sandboxes.close();
    rmSync(root, { recursive: true, force: true });
  });

  const left = async () => (await adapter.list({ 'dev.sandbox.scope': scope })).map(({ name }) => name);

  async function call(method: string, route: string, body?: unknown) {
    const response = await fetch(url + route, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, body: json ? JSON.parse(text) : text };
  }

  /** By a service that is started later, over the same engine. */
  async function knownAgain(id: string): Promise<void> {
    const again = createSandboxes({ adapter, scope, tools: false });
    const access = { keys: [], workspaceRoots: () => [root] };
    const later = createServer({ sandboxes: again, languages: builtInLanguages, localUser: 'ann', access });
    const before = url;
    url = await later.listen({ port: 0 });
    try {
      expect((await call('GET', `/sandbox/${id}`)).body).toMatchObject({ id, runtime: 'bash' });
      const run = await call('POST', `/sandbox/${id}/execute`, { code: 'pwd; cat /workspace/out' });
      expect(run.body.stdout).toBe('/sandbox\nmade\n');
      expect((await call('GET', '/sandbox')).body.sandboxes).toMatchObject([{ id }]);
    } finally {
      url = before;
      // The adapter is still used: only what the server has is let go of.
      await later.close();
    }
  }

  it('creates, executes and removes', async () => {
    const { status, body } = await call('POST', '/sandbox', {
      runtime: 'bash',
      adapter: runtime,
      code: '. ./lib.sh; pwd; id -u; shout hello; exit 3',
      files: [{ path: 'lib.sh', content: 'shout() { echo "$1" | tr a-z A-Z; }' }],
      limits: { memoryBytes: '256m', timeoutMs: '20s' },
    });
    expect({ status, body }).toMatchObject({
      status: 201,
      body: {
        ...{ runtime: 'bash', adapter: runtime, state: 'running', lifecycle: 'ephemeral', user: 'ann' },
        files: [{ path: 'lib.sh' }],
        limits: { memoryBytes: 256 * 2 ** 20, timeoutMs: 20_000 },
        enforcement: { memory: { status: 'enforced', source: 'request' } },
      },
    });
    expect(await left()).toEqual([body.id]);
    const result = await call('POST', `/sandbox/${body.id}/execute`, {});
    expect(result.body).toMatchObject({
      ...{ runtime: 'bash', adapter: runtime, sandbox: body.id, ending: 'exited', exitCode: 3 },
      stdout: '/sandbox\n1000\nHELLO\n',
      stderr: '',
    });
    expect(await left()).toEqual([]);
    expect(await call('GET', `/sandbox/${body.id}`)).toMatchObject({
      status: 410,
      body: { lastResult: { exitCode: 3 } },
    });
  });

  it('carries files, keeps what is to be kept, and tells what it uses', async () => {
    const { body } = await call('POST', '/sandbox', { runtime: 'sh', keep: true });
    const at = `/sandbox/${body.id}`;
    const files = [
      { path: 'bin/tool', content: '#!/bin/sh\necho tool ran', is_executable: true },
      { path: '/tmp/elsewhere/x', content: 'y' },
    ];
    expect((await call('POST', `${at}/files`, files)).status).toBe(200);
    const run = await call('POST', `${at}/execute`, {
      command: 'sh',
      args: ['-c', 'bin/tool; cat /tmp/elsewhere/x'],
    });
    expect(run.body.stdout).toBe('tool ran\ny');
    expect((await call('GET', `${at}/files?path=bin/tool`)).body).toContain('tool ran');
    expect((await call('GET', `${at}/files?path=/sandbox/bin`)).body.entries).toMatchObject([
      { name: 'tool', mode: 0o755 },
    ]);
    const denied = await call('POST', `${at}/files`, [{ path: '/usr/x', content: '' }]);
    expect(denied.status).toBeGreaterThanOrEqual(400);
    expect(denied.status).toBeLessThan(500);
    expect((await call('GET', `${at}/stats`)).body).toMatchObject({ memoryBytes: expect.any(Number) });
    expect((await call('GET', '/sandbox')).body.sandboxes).toMatchObject([{ id: body.id, state: 'running' }]);
    expect((await call('DELETE', at)).status).toBe(204);
    expect(await left()).toEqual([]);
  });

  it('streams', async () => {
    const { body } = await call('POST', '/sandbox', { runtime: 'bash', code: 'echo one; echo two >&2' });
    const response = await fetch(`${url}/sandbox/${body.id}/execute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: '{}',
    });
    const text = await response.text();
    expect(text).toContain('event: stdout\ndata: {"text":"one\\n"}');
    expect(text).toContain('event: stderr\ndata: {"text":"two\\n"}');
    expect(text).toMatch(/event: result\ndata: \{"runtime":"bash"/);
    expect(await left()).toEqual([]);
  });

  it('keeps the sandbox of a task, with the volume of its project', async () => {
    const project = `service-${randomBytes(4).toString('hex')}`;
    const request = { runtime: 'bash', lifecycle: 'long-lived', project };
    const open = (task: string) => call('POST', '/sandbox', { ...request, task });
    const first = await open('one');
    if (adapter.volumes === undefined) {
      expect(first).toMatchObject({ status: 422, body: { code: 'UNSUPPORTED' } });
      return;
    }
    expect(first).toMatchObject({ status: 201, body: { lifecycle: 'long-lived', project, task: 'one' } });
    try {
      const write = { code: 'echo kept > /workspace/file' };
      const run = await call('POST', `/sandbox/${first.body.id}/execute`, write);
      expect(run.body).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await open('one')).body.id).toBe(first.body.id);
      expect((await call('DELETE', `/sandbox/${first.body.id}`)).status).toBe(204);
      const second = await open('two');
      const read = await call('POST', `/sandbox/${second.body.id}/execute`, { code: 'cat /workspace/file' });
      expect(read.body.stdout).toBe('kept\n');
      expect((await call('DELETE', `/sandbox/${second.body.id}`)).status).toBe(204);
    } finally {
      await sandboxes.volumes.remove(project);
    }
  });

  it('opens a terminal', async () => {
    const { body } = await call('POST', '/sandbox', { runtime: 'bash' });
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/sandbox/${body.id}/terminal?command=bash&rows=33&columns=101`,
    );
    socket.binaryType = 'arraybuffer';
    let shown = '';
    const said: unknown[] = [];
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') said.push(JSON.parse(data));
      else shown += Buffer.from(data as ArrayBuffer).toString();
    };
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }) => resolve(code);
    });
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    socket.send(Buffer.from('stty size; id -u; pwd; exit 7\n'));
    expect(await closed).toBe(1000);
    expect(shown).toMatch(/33 101\s+1000\s+\/sandbox/);
    expect(said).toMatchObject([{ type: 'end', ending: 'exited', exitCode: 7 }]);
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  });

  it('does not hand out what was put into a workspace’s place between check and mount', async () => {
    const workspace = path.join(root, 'swapped');
    const secret = path.join(root, 'secret');
    for (const directory of [workspace, secret]) {
      mkdirSync(directory);
      chownSync(directory, 1000, 1000);
    }
    const swapping = new Proxy(adapter, {
      get(target, key: keyof RuntimeAdapter) {
        const member = target[key];
        if (typeof member !== 'function') return member;
        const method = member.bind(target) as (...parameters: unknown[]) => unknown;
        if (key !== 'create') return method;
        return (...parameters: unknown[]) => {
          renameSync(workspace, `${workspace}.away`);
          symlinkSync(secret, workspace);
          return method(...parameters);
        };
      },
    });
    const manager = createSandboxes({ adapter: swapping, scope, tools: false });
    const access = { keys: [], workspaceRoots: () => [workspace] };
    const swapped = createServer({
      sandboxes: manager,
      languages: builtInLanguages,
      localUser: 'ann',
      access,
    });
    const before = url;
    url = await swapped.listen({ port: 0 });
    try {
      const { status, body } = await call('POST', '/sandbox', { runtime: 'sh', workspace, code: 'ls' });
      const detail = expect.stringContaining('/workspace is not the host');
      expect({ status, body }).toMatchObject({ status: 409, body: { code: 'FAILED_PRECONDITION', detail } });
    } finally {
      url = before;
      await swapped.close();
    }
    expect(await left()).toEqual([]);
  });

  it('keeps the sandbox of a workspace, and takes none from elsewhere', async () => {
    const workspace = path.join(root, 'project');
    const request = { runtime: 'bash', adapter: runtime, lifecycle: 'long-lived', workspace };
    const { status, body } = await call('POST', '/sandbox', request);
    expect({ status, body }).toMatchObject({
      status: 201,
      body: { lifecycle: 'long-lived', expiresAt: null },
    });
    const code = 'echo made > /workspace/out';
    const run = await call('POST', `/sandbox/${body.id}/execute`, { code });
    expect(run).toMatchObject({ status: 200, body: { exitCode: 0 } });
    expect(readFileSync(path.join(workspace, 'out'), 'utf8')).toBe('made\n');
    expect((await call('POST', '/sandbox', request)).body.id).toBe(body.id);
    await knownAgain(body.id);
    expect((await call('DELETE', `/sandbox/${body.id}`)).status).toBe(204);
    for (const foreign of ['/', '/etc', path.join(root, 'link'), `${root}/../..`]) {
      const refused = await call('POST', '/sandbox', { ...request, workspace: foreign });
      expect(refused).toMatchObject({ status: 403, body: { code: 'PERMISSION_DENIED' } });
    }
  });
});
