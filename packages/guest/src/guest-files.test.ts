import { describe, expect, it } from 'vitest';
import { collect } from '../test/collect.ts';
import { ScriptedAgent } from '../test/scripted-agent.ts';
import { CHANNEL, KIND } from './frames.ts';
import { WINDOW } from './inbound-channel.ts';
import { openSession } from './open-session.ts';

async function opened() {
  const agent = new ScriptedAgent();
  const [session] = await Promise.all([openSession(agent.transport), agent.greet()]);
  return { agent, session, files: session.files };
}

const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 10));
const STAT = {
  name: 'a',
  path: '/a',
  type: 'file',
  size: 1,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeMs: 1,
  dev: 1,
  ino: 2,
  nlink: 1,
};

describe('files', () => {
  it('reads a stream, and its size at the end', async () => {
    const { agent, files, session } = await opened();
    const stream = files.read('/a', { offset: 5, length: 10 });
    expect(session.running).toBe(0);
    const reading = collect(stream);
    const { id, message } = await agent.request();
    expect(message).toEqual({ op: 'read', path: '/a', offset: 5, length: 10 });
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.from('one '));
    await tick();
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.from('two'));
    agent.message(KIND.reply, id, { size: 7 });
    expect(Buffer.concat(await reading).toString()).toBe('one two');
    expect(await stream.size).toBe(7);
  });

  it('keeps no more than a window of what is not read', async () => {
    const { agent, files } = await opened();
    const reader = files.read('/a').getReader();
    const first = reader.read();
    const { id } = await agent.request();
    for (let n = 0; n < 16; n += 1) agent.send(KIND.data, id, CHANNEL.stdout, Buffer.alloc(WINDOW / 16));
    await first;
    await tick();
    expect(agent.waiting.filter(({ kind }) => kind === KIND.credit)).toEqual([]);
    for (let n = 0; n < 8; n += 1) await reader.read();
    await agent.next(({ kind }) => kind === KIND.credit);
  });

  it('gives what came before the error', async () => {
    const { agent, files } = await opened();
    const stream = files.read('/a');
    const reader = stream.getReader();
    const first = reader.read();
    const { id } = await agent.request();
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.from('one'));
    agent.message(KIND.reply, id, { error: { code: 'UNKNOWN', message: 'read error', errno: 'EIO' } });
    expect((await first).value).toEqual(new Uint8Array([111, 110, 101]));
    await expect(reader.read()).rejects.toMatchObject({ errno: 'EIO', operation: 'read' });
    await expect(stream.size).rejects.toMatchObject({ errno: 'EIO' });
  });

  it('says no size of a stream that was cancelled, read or not', async () => {
    const { agent, files, session } = await opened();
    const unread = files.read('/a');
    await unread.cancel();
    await expect(unread.size).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', operation: 'read' });
    expect(session.running).toBe(0);
    const read = files.read('/a');
    const reader = read.getReader();
    const first = reader.read();
    agent.send(KIND.data, (await agent.request()).id, CHANNEL.stdout, Buffer.from('one'));
    await first;
    await reader.cancel();
    await expect(read.size).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', operation: 'read' });
  });

  it('stops reading with CLOSE', async () => {
    const { agent, files, session } = await opened();
    const reader = files.read('/a').getReader();
    const first = reader.read();
    const { id } = await agent.request();
    agent.send(KIND.data, id, CHANNEL.stdout, Buffer.from('one'));
    await first;
    await reader.cancel();
    const frame = await agent.next();
    expect([frame.kind, frame.id, frame.channel]).toEqual([KIND.close, id, CHANNEL.stdout]);
    expect(session.running).toBe(1);
    agent.message(KIND.reply, id, { size: 3 });
    await tick();
    expect(session.running).toBe(0);
  });

  it('writes a body of any kind', async () => {
    const { agent, files } = await opened();
    const bodies = [
      'päth',
      Buffer.from('päth'),
      new Blob(['pä', 'th']).stream(),
      (async function* () {
        yield 'pä';
        yield new Uint8Array([0x74, 0x68]);
      })(),
    ];
    for (const body of bodies) {
      const writing = files.write('/a', body as never, { mode: 0o600, parents: true });
      const { id, message } = await agent.request();
      expect(message).toEqual({ op: 'write', path: '/a', mode: 0o600, parents: true });
      const received: Uint8Array[] = [];
      for (let frame = await agent.next(); frame.kind !== KIND.end; frame = await agent.next())
        received.push(frame.payload);
      expect(Buffer.concat(received).toString()).toBe('päth');
      agent.message(KIND.reply, id, { size: 5 });
      expect(await writing).toBe(5);
    }
  });

  it('cancels a write whose body fails, and rejects with its error', async () => {
    const { agent, files, session } = await opened();
    const broken = new Error('the disk was pulled out');
    const writing = files.write(
      '/a',
      (async function* () {
        yield 'x';
        throw broken;
      })(),
    );
    await expect(writing).rejects.toBe(broken);
    const { id } = await agent.request();
    const order = await agent.next(({ kind }) => kind === KIND.control);
    expect(JSON.parse(Buffer.from(order.payload).toString())).toEqual({ control: 'cancel' });
    expect(session.running).toBe(1);
    agent.message(KIND.reply, id, { error: { code: 'UNKNOWN', message: 'cancelled' } });
    await tick();
    expect(session.running).toBe(0);
  });

  it('stops pulling a body when the agent refuses it', async () => {
    const { agent, files } = await opened();
    let pulled = 0;
    let returned = false;
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          pulled += 1;
          return { done: false as const, value: new Uint8Array(65_536) };
        },
        return: async () => {
          returned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const writing = files.write('/a', body);
    const { id } = await agent.request();
    agent.message(KIND.reply, id, {
      error: { code: 'RESOURCE_EXHAUSTED', message: 'no space', errno: 'ENOSPC', path: '/a' },
    });
    await expect(writing).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      errno: 'ENOSPC',
      path: '/a',
      operation: 'write',
    });
    await tick();
    expect(returned).toBe(true);
    expect(pulled).toBeLessThan(10);
  });

  it('lets go of a body that it waits for when the agent refuses it', async () => {
    const { agent, files } = await opened();
    const cancelled = Promise.withResolvers<void>();
    const writing = files.write('/a', new ReadableStream({ cancel: () => cancelled.resolve() }) as never);
    const { id } = await agent.request();
    agent.message(KIND.reply, id, { error: { code: 'PERMISSION_DENIED', message: 'no' } });
    await expect(writing).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await cancelled.promise;
  });

  it.each([
    ['a chunk', [1]],
    ['a body', 1],
  ])('refuses %s that is no bytes', async (_name, body) => {
    const { agent, files, session } = await opened();
    const chunks = Array.isArray(body) ? ReadableStream.from(body) : body;
    await expect(files.write('/a', chunks as never)).rejects.toThrow();
    const { id } = await agent.request();
    await agent.next(({ kind }) => kind === KIND.control);
    agent.message(KIND.reply, id, { error: { code: 'UNKNOWN', message: 'cancelled' } });
    await tick();
    expect(session.running).toBe(0);
  });

  it('lists in batches, and grants credit as they are taken', async () => {
    const { agent, files } = await opened();
    const listing = files.list('/', { recursive: true })[Symbol.asyncIterator]();
    const first = listing.next();
    const { id, message } = await agent.request();
    expect(message).toEqual({ op: 'list', path: '/', recursive: true });
    const batch = Array.from({ length: 1_000 }, (_, index) => ({ ...STAT, name: `${index}` }));
    for (let n = 0; n < 6; n += 1) agent.message(KIND.event, id, { event: 'entries', entries: batch });
    agent.message(KIND.event, id, {
      event: 'entries',
      entries: [{ ...STAT, type: 'symlink', name: { base64: '/w==' }, target: 'x' }],
    });
    agent.message(KIND.reply, id, {});
    expect((await first).value).toEqual({ ...STAT, name: '0' });
    let last: unknown;
    let count = 1;
    for (let next = await listing.next(); !next.done; next = await listing.next()) {
      last = next.value;
      count += 1;
    }
    expect(count).toBe(6_001);
    expect(last).toEqual({ ...STAT, type: 'symlink', name: new Uint8Array([0xff]), target: 'x' });
  });

  it('ends the session of an agent that lists more than it may', async () => {
    const { agent, files, session } = await opened();
    const first = collect(files.list('/'));
    first.catch(() => {});
    const { id } = await agent.request();
    const payload = Buffer.alloc(1_000_000, ' ');
    payload.write('{"event":"entries","entries":[]}');
    agent.send(KIND.event, id, 0, payload);
    agent.send(KIND.event, id, 0, payload);
    agent.exit(0);
    expect((await session.closed).error?.message).toMatch(/more than it had credit for/);
    await expect(first).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('stops a listing that nobody follows', async () => {
    const { agent, files } = await opened();
    const loop = (async () => {
      for await (const entry of files.list('/')) return entry.name;
      return undefined;
    })();
    const { id } = await agent.request();
    agent.message(KIND.event, id, { event: 'entries', entries: [STAT, STAT] });
    expect(await loop).toBe('a');
    expect((await agent.next()).kind).toBe(KIND.close);
  });

  it('asks for the small things as they were given', async () => {
    const { agent, files } = await opened();
    const answers: [Promise<unknown>, object, object][] = [
      [files.stat('a', { follow: true }), { op: 'stat', path: 'a', follow: true }, STAT],
      [
        files.mkdir('a', { parents: true, mode: 0o700 }),
        { op: 'mkdir', path: 'a', parents: true, mode: 0o700 },
        {},
      ],
      [
        files.remove('a', { recursive: true, force: true }),
        { op: 'remove', path: 'a', recursive: true, force: true },
        {},
      ],
      [
        files.rename('a', 'b', { overwrite: false }),
        { op: 'rename', from: 'a', to: 'b', overwrite: false },
        {},
      ],
    ];
    for (const [promise, request, reply] of answers) {
      const { id, message } = await agent.request();
      expect(message).toEqual(request);
      agent.message(KIND.reply, id, reply);
      await promise;
    }
  });

  it('refuses a path with a NUL byte, whatever the operation', async () => {
    const { files, session } = await opened();
    const refused = { code: 'INVALID_ARGUMENT' };
    await expect(files.stat('a\0b')).rejects.toMatchObject(refused);
    await expect(files.write('a\0b', 'x')).rejects.toMatchObject(refused);
    await expect(files.rename('a', 'a\0b')).rejects.toMatchObject(refused);
    await expect(files.read('a\0b').getReader().read()).rejects.toMatchObject(refused);
    await expect(collect(files.list('a\0b'))).rejects.toMatchObject(refused);
    expect(session.running).toBe(0);
  });

  it.each(['stat', 'write', 'read', 'list'] as const)(
    'is aborted with the reason of the signal: %s',
    async (operation) => {
      const { agent, files, session } = await opened();
      const start = (signal: AbortSignal): Promise<unknown> => {
        if (operation === 'stat') return files.stat('a', { signal });
        if (operation === 'write') return files.write('a', new ReadableStream() as never, { signal });
        if (operation === 'read') return files.read('a', { signal }).getReader().read();
        return collect(files.list('a', { signal }));
      };
      const reason = new Error('enough');
      await expect(start(AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(session.running).toBe(0);
      const controller = new AbortController();
      const waiting = start(controller.signal);
      waiting.catch(() => {});
      const { id } = await agent.request();
      controller.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      const order = await agent.next(({ kind }) => kind === KIND.control);
      expect([order.id, Buffer.from(order.payload).toString()]).toEqual([id, '{"control":"cancel"}']);
      agent.message(KIND.reply, id, { error: { code: 'UNKNOWN', message: 'cancelled' } });
      await tick();
      expect(session.running).toBe(0);
    },
  );
});
