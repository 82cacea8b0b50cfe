import { describe, expect, it } from 'vitest';
import { ScriptedAgent, STATUS } from '../test/scripted-agent.ts';
import { CHANNEL, KIND } from './frames.ts';
import type { GuestErrorCode } from './guest-error.ts';
import { openSession } from './open-session.ts';

const KEY = Buffer.alloc(32, 7);

async function opened(key = KEY.toString('base64url')) {
  const agent = new ScriptedAgent();
  const [session] = await Promise.all([openSession(agent.transport), agent.greet()]);
  return { agent, session, detached: session.detached(key) };
}

const RECORD = {
  id: '0123abcd-1',
  argv: ['sleep', { base64: '/yA=' }],
  argvTruncated: false,
  pid: 5,
  startedMs: 1_000,
  endedMs: null,
  stdoutBytes: 3,
  stderrBytes: 0,
  status: null,
};
const PARSED = { ...RECORD, argv: ['sleep', new Uint8Array([0xff, 0x20])] };

describe('a detached command', () => {
  it('is started with what it needs, and the key', async () => {
    const { agent, detached } = await opened();
    const starting = detached.start({
      argv: ['x', new Uint8Array([0xff])],
      env: { A: 'b' },
      cwd: '/',
      timeoutMs: 1.2,
      graceMs: 3,
    });
    const { id, message } = await agent.request();
    const key = KEY.toString('base64');
    const fields = { env: { A: 'b' }, cwd: '/', timeoutMs: 2, graceMs: 3 };
    expect(message).toEqual({ op: 'detach', key, argv: ['x', { base64: '/w==' }], ...fields });
    agent.message(KIND.reply, id, RECORD);
    expect(await starting).toEqual(PARSED);
  });

  it('is listed, looked up, waited for and killed by its id', async () => {
    const { agent, detached } = await opened();
    const ended = { ...RECORD, endedMs: 2_000, status: { ...STATUS, signal: 9, exitCode: null } };
    const list = detached.list();
    agent.message(KIND.reply, (await agent.request()).id, { commands: [RECORD, ended] });
    expect((await list).map(({ status }) => status?.signal)).toEqual([undefined, 9]);
    for (const [call, op, more] of [
      [() => detached.get('0123abcd-1'), 'detached', {}],
      [() => detached.wait('0123abcd-1'), 'detached-wait', {}],
      [() => detached.signal('0123abcd-1', 15), 'detached-kill', { signal: 15 }],
      [() => detached.kill('0123abcd-1'), 'detached-kill', {}],
      [() => detached.kill('0123abcd-1', { graceMs: 1.5 }), 'detached-kill', { graceMs: 2 }],
    ] as const) {
      const result = call();
      const { id, message } = await agent.request();
      expect(message).toEqual({ op, key: KEY.toString('base64'), id: '0123abcd-1', ...more });
      agent.message(KIND.reply, id, op === 'detached' ? { commands: [ended] } : ended);
      expect((await result).status?.signal).toBe(9);
    }
  });

  it('is waited for as long as the caller wants', async () => {
    const { agent, detached } = await opened();
    const giveUp = new AbortController();
    const waiting = detached.wait('0123abcd-1', { signal: giveUp.signal });
    const { id } = await agent.request();
    giveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const { payload } = await agent.next(({ kind }) => kind === KIND.control);
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ control: 'cancel' });
    agent.message(KIND.reply, id, { error: { code: 'DEADLINE_EXCEEDED', message: 'given up' } });
  });

  it('does not end with its session: how it will end is not known', async () => {
    const { agent, detached } = await opened();
    const waiting = detached.wait('0123abcd-1');
    await agent.request();
    agent.exit(null, 'SIGKILL');
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('hands over its output, then what was missed of it', async () => {
    const { agent, detached } = await opened();
    const got: string[] = [];
    const { done } = detached.logs('0123abcd-1', {
      follow: true,
      onStdout(chunk, release) {
        got.push(`out ${Buffer.from(chunk)}`);
        release();
      },
      onStderr(chunk, release) {
        got.push(`err ${Buffer.from(chunk)}`);
        release();
      },
    });
    const { id, message } = await agent.request();
    expect(message).toMatchObject({ op: 'detached-logs', id: '0123abcd-1', follow: true });
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.from('a'));
    agent.send(KIND.data, id, CHANNEL.stderr, Buffer.from('b'));
    agent.message(KIND.reply, id, { ...RECORD, stdoutMissed: 2, stderrMissed: 0 });
    expect(await done).toEqual({ ...PARSED, stdoutMissed: 2, stderrMissed: 0 });
    expect(got).toEqual(['out a', 'err b']);
  });

  it('closes both outputs of one who has seen enough', async () => {
    const { agent, detached } = await opened();
    const logs = detached.logs('0123abcd-1');
    const { id } = await agent.request();
    logs.close();
    const channels = [];
    for (const _ of [1, 2]) channels.push((await agent.next(({ kind }) => kind === KIND.close)).channel);
    expect(channels).toEqual([CHANNEL.stdout, CHANNEL.stderr]);
    agent.message(KIND.reply, id, { ...RECORD, stdoutMissed: 0, stderrMissed: 0 });
    await logs.done;
  });

  it.each<[string, (detached: Awaited<ReturnType<typeof opened>>['detached']) => Promise<unknown>]>([
    ['an empty id', (detached) => detached.wait('')],
    ['an id that is a path', (detached) => detached.get('../x')],
    ['an id that is too long', (detached) => detached.kill('x'.repeat(65))],
    ['a signal that there is not', (detached) => detached.signal('a-1', 65)],
    ['a time that is none', (detached) => detached.kill('a-1', { graceMs: -1 })],
    ['no program', (detached) => detached.start({ argv: [] })],
    ['logs of no id', (detached) => detached.logs(' ').done],
  ])('refuses %s, and says nothing to the agent', async (_, call) => {
    const { agent, detached, session } = await opened();
    await expect(call(detached)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(session.running).toBe(0);
    expect(agent.waiting).toEqual([]);
  });

  it('needs a key that can be one', async () => {
    const { detached } = await opened('short');
    await expect(detached.list()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each<[string, object]>([
    ['no list', { commands: 'all' }],
    ['no object', { commands: [1] }],
    ['no id', { commands: [{ ...RECORD, id: undefined }] }],
    ['a status that is none', { commands: [{ ...RECORD, status: { exitCode: 'x' } }] }],
    ['an argument that is none', { commands: [{ ...RECORD, argv: [5] }] }],
  ])('ends the session of an agent that lists %s', async (_, reply) => {
    const { agent, detached, session } = await opened();
    const list = detached.list();
    agent.message(KIND.reply, (await agent.request()).id, reply);
    agent.exit(0);
    await expect(list).rejects.toMatchObject({ code: 'UNAVAILABLE' satisfies GuestErrorCode });
    expect((await session.closed).reason).toBe('protocol');
  });
});
