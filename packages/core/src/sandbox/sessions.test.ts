import type { GuestSession, SessionEnd } from '@sandbox/guest';
import { describe, expect, it } from 'vitest';
import { Sessions } from './sessions.ts';

function session() {
  const ended = Promise.withResolvers<SessionEnd>();
  const state = { closed: 0 };
  const guest = {
    closed: ended.promise,
    async close() {
      state.closed += 1;
      ended.resolve({ reason: 'closed' });
    },
  } as unknown as GuestSession;
  return { guest, state, lose: () => ended.resolve({ reason: 'lost' }) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const root = { uid: 0, gid: 0 };

describe('Sessions', () => {
  it('opens one for each user, and hands it out at once from then on', async () => {
    const users: unknown[] = [];
    const sessions = new Sessions(async (user) => {
      users.push(user);
      return session().guest;
    }, {});
    const [one, two, other] = await Promise.all([
      sessions.get(undefined, undefined),
      sessions.get(undefined, undefined),
      sessions.get(root, undefined),
    ]);
    expect(one).toBe(two);
    expect(other).not.toBe(one);
    expect(sessions.get(undefined, undefined)).toBe(one);
    expect(users).toEqual([undefined, root]);
  });

  it('tries again after a failure, and after a loss', async () => {
    const made = [session(), session()];
    let calls = 0;
    const sessions = new Sessions(async () => {
      calls += 1;
      if (calls === 1) throw new Error('not yet');
      return (made[calls - 2] as (typeof made)[number]).guest;
    }, {});
    await expect(sessions.get(undefined, undefined)).rejects.toThrow('not yet');
    expect(await sessions.get(undefined, undefined)).toBe(made[0]?.guest);
    made[0]?.lose();
    await settle();
    expect(await sessions.get(undefined, undefined)).toBe(made[1]?.guest);
  });

  it('closes also what is still being opened', async () => {
    const gate = Promise.withResolvers<void>();
    const late = session();
    const sessions = new Sessions(async () => {
      await gate.promise;
      return late.guest;
    }, {});
    const opening = sessions.get(undefined, undefined);
    const closing = sessions.close();
    gate.resolve();
    await closing;
    expect((await opening) === late.guest && late.state.closed).toBe(1);
    expect(() => sessions.get(undefined, undefined)).toThrow(/closed/);
  });

  it('lets a caller give up, and goes on for the others', async () => {
    const gate = Promise.withResolvers<void>();
    const sessions = new Sessions(async () => {
      await gate.promise;
      return session().guest;
    }, {});
    const controller = new AbortController();
    const given = sessions.get(undefined, controller.signal);
    const patient = sessions.get(undefined, undefined);
    controller.abort();
    await expect(given).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', operation: 'session' });
    gate.resolve();
    expect(await patient).toBeDefined();
  });
});
