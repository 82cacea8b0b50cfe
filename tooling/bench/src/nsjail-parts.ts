import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import { createSandboxes, type RuntimeAdapter, type Sandbox, type Sandboxes } from '@sandbox/core';
import { BareNsjail } from './bare-nsjail.ts';
import { BareProgram } from './bare-program.ts';
import { compareMedians, compareValues, type Part, Unavailable } from './figure.ts';
import { median } from './statistics.ts';
import { takeTurns, timed, timedEach } from './take-turns.ts';

const TRUE = ['/bin/true'] as const;
const CONCURRENCY = 8;

/** What needs nsjail: the library as a program uses it, beside nsjail with nothing around it. */
export const nsjailParts: readonly Part[] = [
  {
    name: 'nsjail-one-shot',
    about: 'a command in a sandbox of its own, create to removed',
    measure: (runs = 40) =>
      withSandboxes(async (sandboxes) => {
        await using nsjail = await BareNsjail.prepare();
        const { ours, reference } = await takeTurns(runs, {
          ours: () => timed(() => sandboxes.run(TRUE)),
          reference: () => timed(() => nsjail.run(TRUE[0])),
        });
        const referenceName = 'bare nsjail, same mounts and limits';
        const row = { name: 'nsjail/one-shot', unit: 'ms', ours, reference, referenceName } as const;
        return [compareMedians({ ...row, goal: { atMost: 2 } })];
      }),
  },
  {
    name: 'nsjail-true',
    about: '`true` in an open sandbox, beside the bare fork and exec',
    measure: (runs = 40) =>
      withSandbox(async (sandbox) => {
        await using bare = await BareProgram.start();
        const { ours, reference } = await takeTurns(runs, {
          ours: () => timedEach(20, () => succeed(sandbox)),
          reference: () => bare.each(TRUE[0], 20),
        });
        const row = { name: 'nsjail/true', unit: 'ms', ours, reference } as const;
        return [compareMedians({ ...row, referenceName: 'bare fork+exec', goal: { atMost: 2 } })];
      }),
  },
  {
    name: 'nsjail-jail',
    about: '`true` in an open sandbox, beside a new jail for it',
    // Apart from the others: what the kernel does to be rid of a jail goes on after its end.
    measure: (runs = 20) =>
      withSandbox(async (sandbox) => {
        await using nsjail = await BareNsjail.prepare();
        const { ours, reference } = await takeTurns(runs, {
          ours: () => timedEach(20, () => succeed(sandbox)),
          reference: () => timedEach(2, () => nsjail.run(TRUE[0])),
        });
        const row = { name: 'nsjail/true-jail', unit: 'ms', ours, reference } as const;
        return [compareMedians({ ...row, referenceName: 'bare nsjail', goal: { atMost: 1 } })];
      }),
  },
  {
    name: 'nsjail-stalls',
    about: `the slowest end of 2,000 jails, ${CONCURRENCY} at once`,
    async measure(runs = 2_000) {
      const ends: number[] = [];
      await withSandboxes(
        async (sandboxes) => {
          let left = runs;
          const worker = async (): Promise<void> => {
            while (left > 0) {
              left -= 1;
              await sandboxes.run(TRUE);
            }
          };
          await Promise.all(Array.from({ length: CONCURRENCY }, worker));
        },
        (adapter) => timingEnds(adapter, ends),
      );
      // nsjail looks once a second, counted from its start: what has slept over the end of its program sleeps for what is left of that.
      const reference = median(ends) + 500;
      const referenceName = 'an end of median length and a stall';
      const row = { name: 'nsjail/slowest-end', unit: 'ms', ours: Math.max(...ends) } as const;
      return [compareValues({ ...row, reference, referenceName, goal: { atMost: 1 } })];
    },
  },
];

async function withSandboxes<T>(
  work: (sandboxes: Sandboxes) => Promise<T>,
  around = (adapter: RuntimeAdapter): RuntimeAdapter => adapter,
): Promise<T> {
  const adapter = around(createNsjailAdapter());
  const probe = await adapter.probe();
  if (probe.status !== 'healthy') throw new Unavailable(`nsjail is ${probe.status}: ${probe.message}`);
  await using sandboxes = createSandboxes({ adapter, scope: `bench-${process.pid}` });
  return await work(sandboxes);
}

function withSandbox<T>(work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  return withSandboxes(async (sandboxes) => {
    await using sandbox = await sandboxes.create({});
    return await work(sandbox);
  });
}

/** Notes how long each jail takes from the end of its stdin, which ends the program in it, until it is gone. A run is longer by what the machine has else to do. */
function timingEnds(adapter: RuntimeAdapter, ends: number[]): RuntimeAdapter {
  const start = async (name: string, options: { attach: true }) => {
    const raw = await adapter.start(name, options);
    raw.stdin.once('finish', async () => {
      ends.push(await timed(() => raw.wait()));
    });
    return raw;
  };
  return { ...adapter, start: start as RuntimeAdapter['start'] };
}

async function succeed(sandbox: Sandbox): Promise<void> {
  const { ending, exitCode } = await sandbox.exec(TRUE);
  if (exitCode !== 0) throw new Error(`${TRUE[0]}: ${ending}, exit code ${exitCode}`);
}
