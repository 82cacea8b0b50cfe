import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import {
  createSandboxes,
  createSqliteRegistry,
  readBootClock,
  type Sandboxes,
  type SandboxRecord,
  selectForCleanup,
} from '@sandbox/core';
import { compareValues, type Part, Unavailable } from './figure.ts';
import { median } from './statistics.ts';
import { takeTurns, timed } from './take-turns.ts';

const RECORDS = 10_000;
/** What a look at that many may take, in milliseconds. */
const LOOK_MS = 100;
const DAY_MS = 86_400_000;

/** A registry that has grown for years. */
export const registryParts: readonly Part[] = [
  {
    name: 'registry',
    about: `\`ls\` and the choice of what to clean up, with ${RECORDS} records`,
    measure: (runs = 20) =>
      withRecords(async (sandboxes, records) => {
        const clock = { now: new Date(), boot: readBootClock() };
        const candidates = records.map((record) => ({ record, owner: 'dead', state: 'stopped' }) as const);
        const policy = { idleDays: 30, protectFullTrust: true, mode: 'automatic' } as const;
        const samples = await takeTurns(runs, {
          ls: () => timed(() => sandboxes.list()),
          select: () => timed(async () => selectForCleanup(candidates, policy, clock)),
          cleanup: () => timed(() => sandboxes.cleanup({ dryRun: true })),
        });
        return (['ls', 'select', 'cleanup'] as const).map((part) =>
          compareValues({
            ...{ name: `registry/${part}-10000`, unit: 'ms', ours: median(samples[part]) },
            ...{ reference: LOOK_MS, referenceName: 'what it may take', goal: { atMost: 1 } },
          }),
        );
      }),
  },
];

/** Records alone: so many sandboxes no engine lists in that time. */
async function withRecords<T>(
  work: (sandboxes: Sandboxes, records: readonly SandboxRecord[]) => Promise<T>,
): Promise<T> {
  const adapter = createDockerAdapter();
  const { status, message } = await adapter.probe();
  if (status !== 'healthy') throw new Unavailable(`docker is ${status}: ${message}`);
  const directory = await mkdtemp(join(tmpdir(), 'bench-registry-'));
  const registry = createSqliteRegistry({ file: join(directory, 'sandboxes.sqlite') });
  try {
    const records = Array.from({ length: RECORDS }, (_, index) => recordOf(index));
    for (const record of records) await registry.put(record);
    await using sandboxes = createSandboxes({ adapter, registry, scope: `bench-${process.pid}` });
    return await work(sandboxes, records);
  } finally {
    await registry.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function recordOf(index: number): SandboxRecord {
  const lastUsedAt = new Date(Date.now() - (index % 60) * DAY_MS);
  return {
    ...{
      name: `sandbox-web-${index}`,
      runtime: 'docker',
      lifecycle: 'long-lived',
      workspace: '/home/ann/web',
    },
    ...{ user: 'ann', trust: index % 2 ? 'full' : 'familiar', lastUsedAt, createdAt: lastUsedAt },
    instance: `v1:machine:boot:4026531836:${index + 1}:1`,
  };
}
