import fc from 'fast-check';
import { expect, it } from 'vitest';
import { collect } from '../test/collect.ts';
import { ScriptedAgent, STATUS } from '../test/scripted-agent.ts';
import { KIND } from './frames.ts';
import { GuestError } from './guest-error.ts';
import { openSession } from './open-session.ts';

/** Numbers that requests have, and some that none has. */
const id = fc.integer({ min: 0, max: 10 });
const channel = fc.integer({ min: 0, max: 3 });
const kind = fc.oneof(fc.constantFrom(...Object.values(KIND)), fc.nat(255));

/** Messages that are nearly right, of nearly the right types. */
const message = fc.oneof(
  fc.record(
    {
      event: fc.constantFrom('started', 'exited', 'entries', 'else'),
      pid: fc.jsonValue(),
      entries: fc.oneof(
        fc.jsonValue(),
        fc.array(fc.record({ name: fc.jsonValue(), type: fc.constant('file') })),
      ),
      error: fc.oneof(
        fc.jsonValue(),
        fc.record({ code: fc.string(), message: fc.string(), path: fc.jsonValue() }),
      ),
      size: fc.jsonValue(),
      commands: fc.oneof(fc.jsonValue(), fc.array(fc.record({ id: fc.string(), argv: fc.jsonValue() }))),
      status: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
  fc.record({
    event: fc.constant('exited'),
    ...Object.fromEntries(
      Object.entries(STATUS).map(([name, value]) => [name, fc.oneof(fc.constant(value), fc.jsonValue())]),
    ),
  }),
  fc.constant(STATUS),
  fc.jsonValue(),
);
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  message.map((value) => new Uint8Array(Buffer.from(JSON.stringify(value) ?? ''))),
);
const frame = fc.record({ kind, id, channel, payload });

it('whatever an agent says, a session goes on or ends, and so does all that runs in it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 30 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      async (frames, cuts) => {
        const agent = new ScriptedAgent();
        const [session] = await Promise.all([openSession(agent.transport), agent.greet()]);
        const noRelease = { onStdout: () => {}, onStderr: () => {}, onStart: () => {}, onExit: () => {} };
        const work: Promise<unknown>[] = [
          session.exec({ argv: ['x'], stdin: 'pipe', ...noRelease }).done,
          session.exec({ argv: ['x'], terminal: { rows: 1, cols: 1 } }).done,
          collect(session.files.read('a')),
          collect(session.files.list('a')),
          session.files.write('a', 'x'.repeat(300_000)),
          session.stats(),
          session.detached('A'.repeat(43)).list(),
          session.detached('A'.repeat(43)).logs('a-1', { onStdout: () => {} }).done,
          session.ping(),
        ];
        const outcomes = Promise.allSettled(work);
        const bytes = Buffer.concat(
          frames.map((one) => agent.encode(one.kind, one.id, one.channel, one.payload)),
        );
        let start = 0;
        for (const cut of [
          ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b),
          bytes.length,
        ]) {
          agent.stdout.write(bytes.subarray(start, cut));
          start = cut;
        }
        agent.exit(0);
        const end = await session.closed;
        if (end.reason !== 'closed') expect(end.error).toBeInstanceOf(GuestError);
        for (const outcome of await outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(GuestError);
        }
        expect(session.running).toBe(0);
        expect(agent.destroyed).toBe(1);
      },
    ),
    { numRuns: 300 },
  );
});
