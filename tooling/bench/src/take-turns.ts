/**
 * Runs each contender in every round, beginning with another one each time, so that whatever else the machine does is
 * shared fairly. The first round warms up and does not count.
 */
export async function takeTurns<Name extends string>(
  rounds: number,
  contenders: Record<Name, () => Promise<number | readonly number[]>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round <= rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length] as Name;
      const result = await contenders[name]();
      if (round > 0) samples[name].push(...(typeof result === 'number' ? [result] : result));
    }
  }
  return samples;
}

/** Milliseconds that something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Milliseconds of each of so many, one after the other. */
export async function timedEach(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) times.push(await timed(work));
  return times;
}

/** How many a second, with so many in flight. */
export async function rate(count: number, inFlight: number, work: () => Promise<unknown>): Promise<number> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: inFlight }, worker)));
  return (count * 1_000) / ms;
}
