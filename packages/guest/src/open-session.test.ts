import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { GREETING, ScriptedAgent, STATUS } from '../test/scripted-agent.ts';
import { KIND } from './frames.ts';
import { GuestError } from './guest-error.ts';
import { openSession } from './open-session.ts';

async function opening(promise: Promise<unknown>): Promise<GuestError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GuestError);
  return error as GuestError;
}

describe('openSession', () => {
  it('greets, and gives what the agent says of itself', async () => {
    const agent = new ScriptedAgent();
    const facts = {
      capEff: '0000000000000000',
      capBnd: '00',
      noNewPrivs: true,
      seccomp: 2,
      rlimits: { nofile: [1024, 4096], core: [0, 'max'], other: 'x' },
      kernel: '6.1',
      cgroup: { memoryMax: 'max', pidsMax: null, cpuMax: 1.5 },
      home: { base64: '/w==' },
      workdir: '/',
      later: {},
    };
    const session = openSession(agent.transport);
    void agent.greet({ ...GREETING, groups: [4, 5], facts });
    const { hello } = await session;
    expect(hello).toMatchObject({ version: 1, agent: 'scripted', uid: 1000, groups: [4, 5] });
    expect(hello.facts).toEqual({
      capEff: '0000000000000000',
      capBnd: '00',
      noNewPrivs: true,
      seccomp: 2,
      rlimits: { nofile: [1024, 4096], core: [0, null] },
      kernel: '6.1',
      cgroup: { memoryMax: Number.POSITIVE_INFINITY, pidsMax: null, cpuMax: 1.5 },
      home: new Uint8Array([0xff]),
      workdir: '/',
    });
    expect(agent.refs).toEqual(['unref']);
  });

  it("shows another program's error text, whole, with stderr and the exit code", async () => {
    const agent = new ScriptedAgent();
    const session = openSession(agent.transport);
    agent.stderr.write('first line\nrunc: cannot start\n');
    agent.stdout.write('OCI runtime exec failed: ');
    await sleep(20);
    agent.stdout.write('\u001b[31mexec failed: no such file\r\n');
    agent.exit(126);
    const error = await opening(session);
    expect(error.code).toBe('UNKNOWN');
    expect(error.message).toMatch(/no agent answered/);
    expect(error.message).toMatch(/OCI runtime exec failed: .*exec failed: no such file/);
    expect(error.message).toMatch(/exit code 126/);
    expect(error.message).toMatch(/its diagnostics: first line\nrunc: cannot start/);
    expect(error.message).not.toContain('\u001b');
    expect(agent.destroyed).toBe(1);
  });

  it('shows text that is too short for a frame', async () => {
    const agent = new ScriptedAgent();
    const session = openSession(agent.transport);
    agent.stdout.write('no');
    agent.exit(null, 'SIGKILL');
    const error = await opening(session);
    expect(error.code).toBe('UNAVAILABLE');
    expect(error.message).toMatch(/ended by SIGKILL.*it said: "no"/);
  });

  it('says when nothing came at all', async () => {
    const agent = new ScriptedAgent();
    const session = openSession(agent.transport);
    agent.exit(127);
    expect((await opening(session)).message).toMatch(/no agent answered: .*\(exit code 127\)/);
  });

  it('ends when the process is gone although its stream stays open', async () => {
    const agent = new ScriptedAgent();
    const session = openSession({ ...agent.transport, wait: async () => ({ exitCode: 3 }) });
    expect((await opening(session)).message).toMatch(/exit code 3/);
  });

  it('gives up on silence', async () => {
    const agent = new ScriptedAgent();
    agent.stdout.write('?\n');
    agent.stderr.write('waiting for a lock');
    const error = await opening(openSession(agent.transport, { helloTimeoutMs: 30 }));
    expect(error.code).toBe('DEADLINE_EXCEEDED');
    expect(error.message).toMatch(
      /no agent answered: .*within 0 s; it said: "\?"; its diagnostics: waiting for a lock/,
    );
    expect(agent.destroyed).toBe(1);
  });

  it.each([
    [{ heartbeatMs: 1 }, /heartbeatMs is 1/],
    [{ heartbeatMs: 100_000 }, /heartbeatMs is 100000/],
    [{ lostAfterMs: Number.NaN }, /lostAfterMs is NaN/],
    [{ helloTimeoutMs: -1 }, /helloTimeoutMs is -1/],
  ])('refuses %j', async (options, message) => {
    const agent = new ScriptedAgent();
    const error = await opening(openSession(agent.transport, options));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toMatch(message);
    expect(agent.destroyed).toBe(1);
  });

  it('is aborted with the reason of the signal, before or while it waits', async () => {
    for (const abortFirst of [true, false]) {
      const agent = new ScriptedAgent();
      const controller = new AbortController();
      const reason = new Error('changed my mind');
      if (abortFirst) controller.abort(reason);
      const session = openSession(agent.transport, { signal: controller.signal });
      controller.abort(reason);
      await expect(session).rejects.toBe(reason);
      expect(agent.destroyed).toBe(1);
    }
  });

  it('passes on why an agent says goodbye', async () => {
    const agent = new ScriptedAgent();
    const session = openSession(agent.transport);
    await agent.next();
    agent.message(KIND.goodbye, 0, { code: 'UNSUPPORTED', message: 'version 9 or nothing' });
    expect(await opening(session)).toMatchObject({ code: 'UNSUPPORTED', message: 'version 9 or nothing' });
  });

  it.each([
    ['another version', { ...GREETING, version: 2 }, 'UNSUPPORTED', /version 2/],
    ['no version', { ...GREETING, version: undefined }, 'UNKNOWN', /version is nothing/],
    ['no window', { ...GREETING, window: 0 }, 'UNKNOWN', /window is 0/],
    ['a wrong type', { ...GREETING, uid: '0' }, 'UNKNOWN', /uid is "0", not a number/],
    ['a list', [1, 2], 'UNKNOWN', /message is \[1,2\], not an object/],
    ['facts of a wrong type', { ...GREETING, facts: 1 }, 'UNKNOWN', /facts is 1/],
  ])('refuses a greeting with %s', async (_name, greeting, code, message) => {
    const agent = new ScriptedAgent();
    const session = openSession(agent.transport);
    await agent.greet(greeting);
    const error = await opening(session);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('refuses an agent that does not begin with a greeting', async () => {
    const agent = new ScriptedAgent();
    const session = openSession(agent.transport);
    await agent.next();
    agent.send(KIND.ping, 0, 0);
    expect((await opening(session)).message).toMatch(/did not begin with a greeting/);
  });
});

describe('a session', () => {
  async function opened(options = {}, agentOptions = {}) {
    const agent = new ScriptedAgent(agentOptions);
    const [session] = await Promise.all([openSession(agent.transport, options), agent.greet()]);
    return { agent, session };
  }

  const faults: [string, (agent: ScriptedAgent, id: number) => void, RegExp][] = [
    ['a forged reply', (agent, id) => agent.stdout.write(forged(KIND.reply, id)), /the agent did not write/],
    [
      'garbage',
      (agent) => agent.stdout.write('Error response from daemon: bye'),
      /Error response from daemon/,
    ],
    [
      'invalid JSON',
      (agent, id) => agent.send(KIND.reply, id, 0, Buffer.from('{"a":')),
      /not JSON: "\{"a":"/,
    ],
    ['JSON that is no object', (agent, id) => agent.message(KIND.reply, id, null), /not an object/],
    [
      'a status of wrong types',
      (agent, id) => agent.message(KIND.reply, id, { ...STATUS, exitCode: '0' }),
      /exitCode is "0"/,
    ],
    [
      'an unknown cause',
      (agent, id) => agent.message(KIND.reply, id, { ...STATUS, cause: 'whim' }),
      /a cause that there is not/,
    ],
    [
      'an error of a wrong type',
      (agent, id) => agent.message(KIND.reply, id, { error: 'no' }),
      /error is "no"/,
    ],
    ['too much data', (agent, id) => sendMuch(agent, id), /more than it had credit for/],
    ['data after the end', (agent, id) => endTwice(agent, id), /after the end/],
    [
      'a channel that is not there',
      (agent, id) => agent.send(KIND.data, id, 7, Buffer.from('x')),
      /channel 7 of exec/,
    ],
    ['a short grant', (agent, id) => agent.send(KIND.credit, id, 1, Buffer.alloc(3)), /credit in 3 bytes/],
    ['a second greeting', (agent) => agent.message(KIND.hello, 0, GREETING), /greeted twice/],
    ['a large ping', (agent) => agent.send(KIND.ping, 0, 0, Buffer.alloc(65)), /ping of 65 bytes/],
    [
      'deeply nested JSON',
      (agent, id) => agent.send(KIND.reply, id, 0, Buffer.alloc(1 << 20, '[')),
      /not JSON/,
    ],
  ];

  it.each(faults)('is ended by %s, with what was running lost', async (_name, fault, message) => {
    const { agent, session } = await opened();
    const output: Uint8Array[] = [];
    const command = session.exec({ argv: ['x'], onStdout: (chunk) => output.push(chunk) });
    const { id } = await agent.request();
    agent.send(KIND.data, id, 1, Buffer.from('so far'));
    fault(agent, id);
    agent.exit(1);
    const end = await session.closed;
    expect(end.reason).toBe('protocol');
    expect(end.error).toBeInstanceOf(GuestError);
    expect(end.error?.code).toBe('UNKNOWN');
    expect(end.error?.message).toMatch(message);
    expect(await command.done).toMatchObject({ lost: true, exitCode: null, signal: null });
    expect(Buffer.from(output[0] as Uint8Array).toString()).toBe('so far');
    expect(agent.destroyed).toBe(1);
    const after = session.exec({ argv: ['x'] });
    await expect(after.done).rejects.toMatchObject({ code: 'UNAVAILABLE', cause: end.error });
    await expect(session.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(session.stats()).rejects.toMatchObject({ code: 'UNAVAILABLE', operation: 'stats' });
    await session.close();
  });

  it('drops frames of requests that it does not know', async () => {
    const { agent, session } = await opened();
    for (const kind of [KIND.data, KIND.end, KIND.event, KIND.reply, KIND.credit, KIND.close]) {
      agent.send(kind, 4_711, 1, Buffer.from('not even json'));
    }
    const ping = session.ping();
    const frame = await agent.next(({ kind }) => kind === KIND.ping);
    agent.send(KIND.pong, 0, 0, frame.payload);
    expect(await ping).toBeGreaterThanOrEqual(0);
  });

  it('is lost when the stream ends, and says how the agent ended', async () => {
    const { agent, session } = await opened();
    const command = session.exec({ argv: ['x'] });
    const stat = session.files.stat('/');
    stat.catch(() => {});
    agent.stderr.write('panic: out of luck');
    agent.exit(2);
    const end = await session.closed;
    expect(end).toMatchObject({ reason: 'lost', error: { code: 'UNAVAILABLE' } });
    expect(end.error?.message).toMatch(/has ended \(exit code 2\); its diagnostics: panic: out of luck/);
    expect((await command.done).message).toBe(end.error?.message);
    await expect(stat).rejects.toMatchObject({ code: 'UNAVAILABLE', operation: 'stat' });
  });

  it('says when the last frame was cut', async () => {
    const { agent, session } = await opened();
    agent.stdout.write(agent.encode(KIND.ping, 0, 0, Buffer.alloc(10)).subarray(0, 25));
    agent.exit(0);
    expect((await session.closed).error?.message).toMatch(/incomplete/);
  });

  it('is lost when the stream fails', async () => {
    const { agent, session } = await opened();
    agent.stdout.destroy(new Error('read ECONNRESET'));
    expect((await session.closed).error?.message).toMatch(/ECONNRESET/);
  });

  it('is lost when the agent takes no more, after its last words', async () => {
    const { agent, session } = await opened();
    agent.stdin.destroy(new Error('write EPIPE'));
    await sleep(10);
    agent.message(KIND.goodbye, 0, { code: 'RESOURCE_EXHAUSTED', message: 'no descriptors left' });
    const end = await session.closed;
    expect(end).toMatchObject({
      reason: 'goodbye',
      error: { code: 'RESOURCE_EXHAUSTED', message: 'no descriptors left' },
    });
  });

  it('is lost when nothing is heard', async () => {
    const { agent, session } = await opened({ heartbeatMs: 20, lostAfterMs: 100 });
    const command = session.exec({ argv: ['x'] });
    expect((await session.closed).error?.message).toMatch(/was not heard for 0.1 s/);
    expect((await command.done).lost).toBe(true);
    expect(agent.waiting.some(({ kind }) => kind === KIND.ping)).toBe(true);
    expect(agent.destroyed).toBe(1);
  });

  it('survives a stall of its own process', async () => {
    const { agent, session } = await opened({ heartbeatMs: 100, lostAfterMs: 200 });
    const heart = setInterval(() => agent.send(KIND.ping, 0, 0), 20);
    await sleep(50);
    const until = performance.now() + 600;
    while (performance.now() < until);
    await sleep(150);
    clearInterval(heart);
    const state = await Promise.race([session.closed, sleep(0, 'open')]);
    expect(state).toBe('open');
  });

  it('answers pings, but keeps no answers for who does not read', async () => {
    const { agent } = await opened({}, { stdinHighWaterMark: 100 });
    agent.send(KIND.ping, 0, 0, Buffer.from('are you there'));
    const pong = await agent.next(({ kind }) => kind === KIND.pong);
    expect(Buffer.from(pong.payload).toString()).toBe('are you there');
    agent.stdin.pause();
    for (let n = 0; n < 10_000; n += 1) agent.send(KIND.ping, 0, 0, Buffer.alloc(64));
    await sleep(50);
    expect(agent.stdin.writableLength).toBeLessThan(300_000);
  });

  it('keeps Node alive only while requests run', async () => {
    const { agent, session } = await opened();
    const first = session.exec({ argv: ['x'] });
    const second = session.exec({ argv: ['x'] });
    expect(session.running).toBe(2);
    for (const _ of [first, second]) agent.message(KIND.reply, (await agent.request()).id, STATUS);
    await Promise.all([first.done, second.done]);
    expect(session.running).toBe(0);
    expect(agent.refs).toEqual(['unref', 'ref', 'unref']);
  });

  it('runs at most 1,024 requests', async () => {
    const { agent, session } = await opened();
    const commands = Array.from({ length: 1_025 }, () => session.exec({ argv: ['x'] }));
    await expect(commands[1_024]?.done).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    agent.message(KIND.reply, (await agent.request()).id, STATUS);
    await commands[0]?.done;
    expect(session.running).toBe(1_023);
  });

  it('closes: ends stdin, waits for the agent, and drops the transport', async () => {
    const { agent, session } = await opened();
    const command = session.exec({ argv: ['x'] });
    const closing = session.close();
    expect(session.close()).toBe(closing);
    await expect(session.exec({ argv: ['y'] }).done).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await sleep(20);
    expect([agent.ended, agent.destroyed]).toEqual([true, 0]);
    agent.exit(0);
    await closing;
    expect(agent.destroyed).toBe(1);
    expect(await session.closed).toEqual({ reason: 'closed' });
    expect(await command.done).toMatchObject({ lost: true, message: 'the session was closed' });
  });

  it('takes the replies that come while it closes', async () => {
    const { agent, session } = await opened();
    const command = session.exec({ argv: ['x'] });
    const { id } = await agent.request();
    const closing = session.close();
    agent.message(KIND.reply, id, { ...STATUS, exitCode: null, signal: 9, cause: 'cancel' });
    agent.exit(0);
    await closing;
    expect(await command.done).toMatchObject({ lost: false, signal: 9 });
  });
});

function forged(kind: number, id: number): Buffer {
  const frame = Buffer.alloc(22);
  frame.writeUInt32LE(2, 0);
  frame.writeUInt32LE(id, 4);
  frame[8] = kind;
  frame.write('{}', 20);
  return frame;
}

function sendMuch(agent: ScriptedAgent, id: number): void {
  agent.send(KIND.data, id, 1, Buffer.alloc(1 << 20));
}

function endTwice(agent: ScriptedAgent, id: number): void {
  agent.send(KIND.end, id, 1);
  agent.send(KIND.data, id, 1, Buffer.from('more'));
}
