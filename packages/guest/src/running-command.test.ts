import { describe, expect, it } from 'vitest';
import { GREETING, ScriptedAgent, STATUS } from '../test/scripted-agent.ts';
import type { ExecRequest } from './command.ts';
import { CHANNEL, KIND } from './frames.ts';
import { WINDOW } from './inbound-channel.ts';
import { openSession } from './open-session.ts';

async function opened() {
  const agent = new ScriptedAgent();
  const [session] = await Promise.all([openSession(agent.transport), agent.greet()]);
  return { agent, session };
}

async function running(request: Partial<ExecRequest> = {}) {
  const { agent, session } = await opened();
  const command = session.exec({ argv: ['x'], ...request });
  return { agent, session, command, ...(await agent.request()) };
}

const settled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), tick().then(() => false)]);
const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 10));

describe('a command', () => {
  it('is asked for as it was given', async () => {
    const { message } = await running({
      argv: ['printf', '%s\n', 'päth', new Uint8Array([0xff, 0x20])],
      env: { A: 'b', GONE: null, RAW: new Uint8Array([0xfe]), ['__proto__']: 'odd' },
      cwd: new Uint8Array([0x2f, 0xff]),
      stdin: 'pipe',
      terminal: { rows: 24, cols: 80 },
      timeoutMs: 1.2,
      graceMs: 0,
      drainMs: 10,
      strays: 'keep',
      onStart: () => {},
    });
    expect(message).toEqual({
      op: 'exec',
      argv: ['printf', '%s\n', 'päth', { base64: '/yA=' }],
      env: JSON.parse('{"A":"b","GONE":null,"RAW":{"base64":"/g=="},"__proto__":"odd"}'),
      cwd: { base64: 'L/8=' },
      stdin: 'pipe',
      terminal: { rows: 24, cols: 80 },
      timeoutMs: 2,
      graceMs: 0,
      drainMs: 10,
      strays: 'keep',
      started: true,
    });
  });

  it('asks for nothing that was not given', async () => {
    expect((await running()).message).toEqual({ op: 'exec', argv: ['x'] });
  });

  it.each<[string, Partial<ExecRequest>, RegExp]>([
    ['no program', { argv: [] }, /argv is empty/],
    ['a NUL byte', { argv: ['a', 'b\0c'] }, /argv\[1\] contains a NUL byte/],
    ['a NUL byte in bytes', { argv: [new Uint8Array([65, 0])] }, /NUL/],
    ['half a surrogate pair', { argv: ['\ud800'] }, /surrogate/],
    ['an environment name with =', { env: { 'A=B': '1' } }, /names are not empty and have no "="/],
    ['an empty environment name', { env: { '': '1' } }, /names are not empty/],
    ['a negative timeout', { timeoutMs: -1 }, /timeoutMs is -1/],
    ['no number', { graceMs: Number.NaN }, /graceMs is NaN/],
    ['a terminal of no size', { terminal: { rows: 24.5, cols: 80 } }, /rows is 24.5/],
    ['a megabyte of arguments', { argv: ['x', 'ä'.repeat(600_000)] }, /larger than 1 MiB/],
  ])('is refused with %s', async (_name, request, message) => {
    const { session } = await opened();
    const command = session.exec({ argv: ['x'], ...request, started: true });
    await expect(command.done).rejects.toMatchObject({ name: 'GuestError', code: 'INVALID_ARGUMENT' });
    await expect(command.done).rejects.toThrow(message);
    await expect(command.write('x')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    command.end();
    command.signal(9);
    command.cancel();
    command.closeStdout();
    expect(session.running).toBe(0);
  });

  it('hands over all output, and the ends, before it is done', async () => {
    const seen: string[] = [];
    const { agent, command, id } = await running({
      onStart: (pid) => seen.push(`pid ${pid}`),
      onStdout: (chunk, release) => {
        seen.push(`out ${Buffer.from(chunk)}`);
        release();
      },
      onStderr: (chunk) => seen.push(`err ${Buffer.from(chunk)}`),
      onStdoutEnd: () => seen.push('out ends'),
      onStderrEnd: () => seen.push('err ends'),
      onExit: (status) => seen.push(`exit ${status.exitCode}`),
    });
    void command.done.then(() => seen.push('done'));
    agent.message(KIND.event, id, { event: 'started', pid: 42 });
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.from('1'));
    agent.send(KIND.data, id, CHANNEL.stderr, Buffer.from('2'));
    agent.send(KIND.end, id, CHANNEL.stdout);
    agent.message(KIND.event, id, { event: 'exited', ...STATUS, exitCode: 7 });
    agent.message(KIND.event, id, { event: 'something new' });
    agent.send(KIND.data, id, CHANNEL.stderr, Buffer.from('3'));
    agent.message(KIND.reply, id, { ...STATUS, exitCode: 7, message: 'said \u001b[2J' });
    expect(await command.done).toEqual({ ...STATUS, exitCode: 7, message: 'said \ufffd[2J' });
    expect(await command.pid).toBe(42);
    await tick();
    expect(seen).toEqual(['pid 42', 'out 1', 'err 2', 'out ends', 'exit 7', 'err 3', 'err ends', 'done']);
  });

  it('rejects with what stopped it', async () => {
    const { agent, command, id } = await running({ started: true });
    const error = {
      code: 'NOT_FOUND',
      message: 'no such directory',
      errno: 'ENOENT',
      path: { base64: '/3g=' },
    };
    agent.message(KIND.reply, id, { error });
    await expect(command.done).rejects.toMatchObject({
      code: 'NOT_FOUND',
      errno: 'ENOENT',
      path: '\ufffdx',
      operation: 'exec',
      message: 'no such directory',
    });
    await expect(command.pid).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('makes an unknown code UNKNOWN', async () => {
    const { agent, command, id } = await running();
    agent.message(KIND.reply, id, { error: { code: 'UNAVAILABLES', message: 'x' } });
    await expect(command.done).rejects.toMatchObject({ code: 'UNKNOWN' });
  });

  it('has a pid only when it was asked for', async () => {
    const { command } = await running();
    await expect(command.pid).rejects.toThrow(/give `started`/);
  });

  it('grants credit as chunks are released, and no faster', async () => {
    const releases: (() => void)[] = [];
    const { agent, id, session } = await running({ onStdout: (_chunk, release) => releases.push(release) });
    for (let n = 0; n < 16; n += 1) agent.send(KIND.data, id, CHANNEL.stdout, Buffer.alloc(WINDOW / 16));
    await tick();
    expect(agent.waiting.filter(({ kind }) => kind === KIND.credit)).toEqual([]);
    for (const release of releases.splice(0)) release();
    const credit = await agent.next(({ kind }) => kind === KIND.credit);
    expect([credit.id, credit.channel, Buffer.from(credit.payload).readUInt32LE()]).toEqual([
      id,
      1,
      WINDOW / 2,
    ]);
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.alloc(WINDOW / 2));
    await tick();
    expect(session.running).toBe(1);
  });

  it('throws output away that nobody asked for', async () => {
    const { agent, id, command } = await running();
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.alloc(WINDOW));
    await agent.next(({ kind }) => kind === KIND.credit);
    agent.message(KIND.reply, id, STATUS);
    expect(await command.done).toEqual(STATUS);
  });

  it('has no stderr with a terminal', async () => {
    const { agent, id, session, command } = await running({ terminal: { rows: 1, cols: 1 } });
    command.closeStderr();
    agent.send(KIND.data, id, CHANNEL.stderr, Buffer.from('x'));
    agent.exit(0);
    expect((await session.closed).error?.message).toMatch(/channel 2 of exec/);
  });

  it('sends stdin within its credit, in order, then the end', async () => {
    const { agent, id, command } = await running({ stdin: 'pipe' });
    const sent = Buffer.alloc(400_000, 'abcdefg');
    const writing = command.write(sent);
    command.end();
    command.end();
    const received: Uint8Array[] = [];
    let length = 0;
    while (length < 262_144) {
      const { payload } = await agent.next(({ kind }) => kind === KIND.data);
      received.push(payload);
      length += payload.length;
    }
    expect(length).toBe(262_144);
    expect(await settled(writing)).toBe(false);
    const grant = Buffer.alloc(4);
    grant.writeUInt32LE(200_000);
    agent.send(KIND.credit, id, CHANNEL.stdin, grant);
    await writing;
    for (let frame = await agent.next(); frame.kind !== KIND.end; frame = await agent.next())
      received.push(frame.payload);
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(agent.waiting).toEqual([]);
    await expect(command.write('more')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  it('refuses stdin that nobody reads any more', async () => {
    const { agent, id, command } = await running({ stdin: 'pipe' });
    const waiting = command.write(Buffer.alloc(1_000_000));
    agent.send(KIND.close, id, CHANNEL.stdin);
    await expect(waiting).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', errno: 'EPIPE' });
    await expect(command.write('x')).rejects.toMatchObject({ errno: 'EPIPE' });
    agent.message(KIND.reply, id, STATUS);
    await command.done;
  });

  it('settles writes that wait when it ends', async () => {
    const { agent, id, command } = await running({ stdin: 'pipe' });
    const waiting = command.write(Buffer.alloc(1_000_000));
    agent.message(KIND.reply, id, STATUS);
    await expect(waiting).rejects.toMatchObject({ errno: 'EPIPE' });
  });

  it('waits for the transport, and lets other commands in meanwhile', async () => {
    const agent = new ScriptedAgent({ stdinHighWaterMark: 16_384 });
    const greeting = { ...GREETING, window: 100_000_000 };
    const [session] = await Promise.all([openSession(agent.transport), agent.greet(greeting)]);
    agent.stdin.pause();
    const uploads = [1, 2].map(() => session.exec({ argv: ['cat'], stdin: 'pipe' }));
    const writing = uploads.map((command) => command.write(Buffer.alloc(10_000_000)));
    await tick();
    expect(agent.stdin.writableLength).toBeLessThan(700_000);
    agent.stdin.resume();
    session.exec({ argv: ['quick'] });
    const before = new Set<number>();
    for (;;) {
      const frame = await agent.next();
      if (frame.kind === KIND.data) before.add(frame.id);
      else if (frame.kind === KIND.request && Buffer.from(frame.payload).includes('quick')) break;
    }
    await Promise.all(writing);
  });

  it('sends what belongs to one turn in one write', async () => {
    const { agent, session } = await opened();
    const writes: number[] = [];
    agent.stdin.on('data', (chunk: Buffer) => writes.push(chunk.length));
    for (let n = 0; n < 16; n += 1) session.exec({ argv: ['x'] });
    await tick();
    expect(writes).toHaveLength(1);
  });

  it('gives its orders to a running command only', async () => {
    const { agent, id, command } = await running();
    command.signal(15);
    command.cancel(100);
    command.cancel();
    command.resize(30, 100);
    const orders = [];
    for (let n = 0; n < 4; n += 1) {
      const frame = await agent.next(({ kind }) => kind === KIND.control);
      expect(frame.id).toBe(id);
      orders.push(JSON.parse(Buffer.from(frame.payload).toString()));
    }
    expect(orders).toEqual([
      { control: 'signal', signal: 15 },
      { control: 'cancel', graceMs: 100 },
      { control: 'cancel' },
      { control: 'resize', rows: 30, cols: 100 },
    ]);
    agent.message(KIND.reply, id, STATUS);
    await command.done;
    command.signal(9);
    command.closeStdout();
    await tick();
    expect(agent.waiting).toEqual([]);
  });

  it('sends no order that would end the session', async () => {
    const { agent, command } = await running();
    expect(() => command.signal(0)).toThrow(/signal is 0, not a whole number from 1 to 64/);
    expect(() => command.signal(1.5)).toThrow(/signal is 1.5/);
    expect(() => command.cancel(-1)).toThrow(/graceMs is -1/);
    expect(() => command.resize(70_000, 1)).toThrow(/rows is 70000/);
    await tick();
    expect(agent.waiting).toEqual([]);
  });

  it('closes a stream that its reader is done with, once', async () => {
    const chunks: Uint8Array[] = [];
    const { agent, id, command } = await running({ onStdout: (chunk) => chunks.push(chunk) });
    command.closeStdout();
    command.closeStdout();
    command.closeStderr();
    const closed = [await agent.next(), await agent.next()];
    expect(closed.map(({ kind, channel }) => [kind, channel])).toEqual([
      [KIND.close, 1],
      [KIND.close, 2],
    ]);
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.from('late'));
    agent.message(KIND.reply, id, STATUS);
    await command.done;
    expect(chunks).toEqual([]);
    expect(agent.waiting).toEqual([]);
  });
});
