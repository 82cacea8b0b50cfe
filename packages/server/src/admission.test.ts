import { describe, expect, it } from 'vitest';
import { Admission } from './admission.ts';

const never = new AbortController().signal;
const options = { what: 'things', total: 3, perUser: 2, queuePerUser: 4, waitMs: 60_000 };

/** Who was let in, in order. */
function watcher(admission: Admission) {
  const order: string[] = [];
  const leaves: (() => void)[] = [];
  const enter = (user: string, name = user, signal = never) =>
    admission.enter(user, signal).then((leave) => {
      order.push(name);
      leaves.push(leave);
    });
  return { order, leaves, enter };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('places', () => {
  it('are handed out up to each bound, and the next when one is given back', async () => {
    const admission = new Admission(options);
    const { order, leaves, enter } = watcher(admission);
    void enter('ann', 'a1');
    void enter('ann', 'a2');
    void enter('ann', 'a3');
    void enter('bob', 'b1');
    void enter('bob', 'b2');
    await settled();
    // Ann has as many as she may have, Bob is not held up by her; then all are taken.
    expect(order).toEqual(['a1', 'a2', 'b1']);
    expect({ taken: admission.taken, waiting: admission.waiting }).toEqual({ taken: 3, waiting: 2 });
    leaves[2]?.();
    leaves[2]?.();
    await settled();
    expect(order).toEqual(['a1', 'a2', 'b1', 'b2']);
    leaves[0]?.();
    await settled();
    expect(order).toEqual(['a1', 'a2', 'b1', 'b2', 'a3']);
    for (const leave of leaves) leave();
    expect(admission.taken).toBe(0);
  });

  it('go to users in turn, however many requests one of them has', async () => {
    const admission = new Admission({ ...options, total: 1, perUser: 1 });
    const { order, leaves, enter } = watcher(admission);
    void enter('x');
    for (const name of ['a1', 'a2', 'a3', 'a4']) void enter('ann', name);
    for (const name of ['b1', 'b2']) void enter('bob', name);
    void enter('carl', 'c1');
    for (let count = 0; count < 8; count += 1) {
      await settled();
      leaves[count]?.();
    }
    expect(order).toEqual(['x', 'a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('are refused past the queue, and after the wait, with a time to come back', async () => {
    const admission = new Admission({ ...options, total: 1, queuePerUser: 1, waitMs: 20 });
    const { enter } = watcher(admission);
    await enter('ann');
    const waits = enter('ann');
    await expect(enter('ann')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await expect(waits).rejects.toMatchObject({ options: { headers: { 'retry-after': '1' } } });
    expect(admission.waiting).toBe(0);
    expect(admission.refused).toEqual({ full: 1, late: 1 });
  });

  it('are not kept for those who have gone', async () => {
    const admission = new Admission({ ...options, total: 1 });
    const { order, leaves, enter } = watcher(admission);
    const gone = new AbortController();
    await enter('ann', 'a1');
    const waits = enter('ann', 'a2', gone.signal);
    const patient = enter('bob', 'b1');
    gone.abort(new Error('gone'));
    await expect(waits).rejects.toThrow('gone');
    leaves[0]?.();
    await patient;
    expect(order).toEqual(['a1', 'b1']);
    await expect(admission.enter('ann', AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });
});
