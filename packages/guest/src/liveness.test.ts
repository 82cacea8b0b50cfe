import { afterEach, describe, expect, it } from 'vitest';
import { Liveness } from './liveness.ts';

const immediate = () => new Promise((resolve) => setImmediate(resolve));

describe('Liveness', () => {
  let liveness: Liveness | undefined;
  afterEach(() => liveness?.stop());

  function watched() {
    const traffic = { heard: false, writer: { sent: false, blockedSince: undefined as number | undefined } };
    const pings: number[] = [];
    const lost: string[] = [];
    const start = performance.now();
    let now = start;
    // A real timer would never fire in a test: ticks come every 2,500 ms, by hand.
    const made = new Liveness(
      traffic,
      { heartbeatMs: 10_000, lostAfterMs: 30_000 },
      { ping: () => pings.push(now - start), lost: (why) => lost.push(why) },
    );
    liveness = made;
    const pass = (ms: number): void => {
      now += ms;
      made.tick(now);
    };
    return { traffic, pings, lost, pass };
  }

  it('pings only when nothing was sent for a heartbeat', () => {
    const { traffic, pings, pass } = watched();
    for (let n = 0; n < 8; n += 1) {
      traffic.writer.sent = true;
      pass(2_500);
    }
    expect(pings).toEqual([]);
    for (let n = 0; n < 8; n += 1) pass(2_500);
    expect(pings.length).toBe(2);
  });

  it('loses an agent that is silent for 30 s, and none that speaks', async () => {
    const { traffic, lost, pass } = watched();
    for (let n = 0; n < 40; n += 1) {
      traffic.heard = true;
      pass(2_500);
    }
    await immediate();
    expect(lost).toEqual([]);
    for (let n = 0; n < 11; n += 1) pass(2_500);
    await immediate();
    expect(lost).toEqual([]);
    pass(2_500);
    await immediate();
    expect(lost).toEqual(['was not heard for 30 s']);
  });

  it('does not hold its own absence against the agent', async () => {
    const { lost, pass } = watched();
    pass(3_600_000);
    await immediate();
    expect(lost).toEqual([]);
    for (let n = 0; n < 12; n += 1) pass(2_500);
    await immediate();
    expect(lost).toEqual(['was not heard for 30 s']);
  });

  it('reads what has arrived before it judges', async () => {
    const { traffic, lost, pass } = watched();
    for (let n = 0; n < 12; n += 1) pass(2_500);
    traffic.heard = true;
    await immediate();
    expect(lost).toEqual([]);
  });

  it('loses an agent that takes no input', async () => {
    const { traffic, lost, pass } = watched();
    traffic.writer.blockedSince = performance.now();
    for (let n = 0; n < 13; n += 1) {
      traffic.heard = true;
      pass(2_500);
    }
    await immediate();
    expect(lost[0]).toBe('took no input for 30 s');
  });
});
