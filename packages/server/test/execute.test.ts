import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
const execute = (id: string, body: object = {}) => call(service, 'POST', `/sandbox/${id}/execute`, body);

describe('what is executed', () => {
  it('the code of the creation, other code, or a command, with arguments and stdin', async () => {
    const id = await create({ code: 'echo "created $*"' });
    expect((await execute(id)).body.stdout).toBe('created \n');
    expect((await execute(id, { args: ['a b', '$(c)'] })).body.stdout).toBe('created a b $(c)\n');
    expect((await execute(id, { code: 'cat', stdin: 'grüße' })).body.stdout).toBe('grüße');
    expect((await execute(id, { command: 'printf', args: ['%s|', 'a', '"b"'] })).body).toMatchObject({
      stdout: 'a|"b"|',
      command: ['printf', '%s|', 'a', '"b"'],
    });
    expect((await execute(id)).body.stdout).toBe('created \n');
  });

  it('snippets find the files beside them', async () => {
    const id = await create({
      files: [{ path: 'lib/greet.bash', content: 'greet() { echo "hi $1"; }' }],
      code: '. ./lib/greet.bash; greet you',
    });
    expect((await execute(id)).body.stdout).toBe('hi you\n');
  });

  it('takes env, cwd and a timeout', async () => {
    const id = await create({ env: { OUTER: 'o' } });
    await execute(id, { command: 'mkdir', args: ['sub'] });
    const { body } = await execute(id, {
      ...{ command: 'sh', args: ['-c', 'echo $OUTER $INNER; basename "$PWD"'], cwd: 'sub' },
      env: { INNER: 'i' },
    });
    expect(body.stdout).toBe('o i\nsub\n');
    const late = await execute(id, { command: 'sleep', args: ['60'], timeoutMs: 200 });
    expect(late.body).toMatchObject({ ending: 'timed-out', exitCode: null });
  });

  it.each([
    ['nothing', {}],
    ['both', { code: 'x', command: 'y' }],
    ['an unknown key', { comand: 'true' }],
    ['a wrong type', { command: ['true'] }],
    ['a NUL byte', { command: 'a\0' }],
    ['an environment that is none', { command: 'true', env: { 'A=B': 'c' } }],
    ['a directory outside', { command: 'true', cwd: '../..' }],
  ])('refuses %s', async (_, body) => {
    const { status, body: problem } = await execute(await create(), body);
    expect({ status, code: problem.code }).toEqual({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it('127 is a result', async () => {
    expect((await execute(await create(), { command: 'no-such-program' })).body).toMatchObject({
      ending: 'exited',
      exitCode: 127,
    });
  });
});

interface ServerEvent {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test expects
  readonly data: any;
}

/** Events as they come. */
async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  let text = '';
  const decode = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decode.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const event = field('event');
      if (event !== undefined) yield { event, data: JSON.parse(field('data') ?? '') };
    }
  }
}

const stream = (id: string, body: object, signal?: AbortSignal, accept = 'text/event-stream') =>
  fetch(`${service.url}/sandbox/${id}/execute`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });

describe('live output', () => {
  it('comes while the command runs, and then the result', async () => {
    const id = await create();
    const seen: string[] = [];
    const response = await stream(id, {
      code: 'echo one; while [ ! -e go ]; do sleep 0.02; done; echo two >&2; exit 4',
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    for await (const { event, data } of eventsOf(response)) {
      if (event === 'result') {
        expect(data).toMatchObject({ exitCode: 4, stdout: 'one\n', stderr: 'two\n' });
        continue;
      }
      seen.push(`${event} ${data.text}`);
      // It runs on only because its output was here before its end.
      if (seen.length === 1) await execute(id, { command: 'touch', args: ['go'] });
    }
    expect(seen).toEqual(['stdout one\n', 'stderr two\n']);
  });

  it('is left out where only the end is asked for', async () => {
    const code = 'echo one; exit 4';
    const response = await stream(await create(), { code }, undefined, 'text/event-stream; output=none');
    const events: unknown[] = [];
    for await (const event of eventsOf(response)) events.push(event);
    expect(events).toMatchObject([{ event: 'result', data: { exitCode: 4, stdout: 'one\n' } }]);
  });

  it('keeps characters whole that come in pieces', async () => {
    const response = await stream(await create(), { code: `printf '\\xc3'; sleep 0.1; printf '\\xbc'` });
    let text = '';
    for await (const { event, data } of eventsOf(response)) if (event === 'stdout') text += data.text;
    expect(text).toBe('ü');
  });

  it('carries more than any buffer holds', async () => {
    const response = await stream(await create(), { code: 'yes | head -c 20000000' });
    let length = 0;
    for await (const { event, data } of eventsOf(response)) {
      if (event === 'stdout') length += data.text.length;
      if (event === 'result') expect(data).toMatchObject({ stdoutTruncated: true, exitCode: 0 });
    }
    expect(length).toBe(20_000_000);
  });

  it('tells a failure as an event', async () => {
    const response = await stream(await create(), { command: 'true', env: { 'A=B': '' } });
    const events: ServerEvent[] = [];
    for await (const event of eventsOf(response)) events.push(event);
    expect(events).toMatchObject([{ event: 'error', data: { code: 'INVALID_ARGUMENT', status: 400 } }]);
  });
});

describe('a client that vanishes', () => {
  const isRunning = async (id: string) =>
    (await call(service, 'GET', '/metrics')).body.includes('sandbox_executions_running 0') === false &&
    id !== '';

  it.each(['text/event-stream', 'application/json'])('takes its command with it (%s)', async (accept) => {
    const id = await create();
    const client = new AbortController();
    const gone = fetch(`${service.url}/sandbox/${id}/execute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ code: 'echo $$ > pid; sleep 300' }),
      signal: client.signal,
    }).then((response) => response.text());
    gone.catch(() => {});
    let pid = '';
    await expect
      .poll(
        async () => {
          pid = (await execute(id, { command: 'cat', args: ['pid'] })).body.stdout.trim();
          return pid;
        },
        { timeout: 10_000 },
      )
      .not.toBe('');
    client.abort();
    await expect(gone).rejects.toThrow();
    // The guest's processes are the host's here.
    await expect.poll(() => isAlive(Number(pid)), { timeout: 10_000 }).toBe(false);
    await expect.poll(() => isRunning(id), { timeout: 10_000 }).toBe(false);
  });

  it('takes a sandbox with it that was for this execution', async () => {
    const id = await create({ keep: false, code: 'echo there; sleep 300' });
    const client = new AbortController();
    const response = await stream(id, {}, client.signal);
    for await (const { event } of eventsOf(response)) {
      expect(event).toBe('stdout');
      break;
    }
    client.abort();
    await expect.poll(() => service.left(), { timeout: 10_000 }).not.toContain(id);
    const { status, body } = await call(service, 'GET', `/sandbox/${id}`);
    expect(status).toBe(410);
    expect(body.lastResult).toMatchObject({ ending: 'aborted', stdout: 'there\n' });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
