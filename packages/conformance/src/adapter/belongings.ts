import { agentPath } from '@sandbox/guest';
import type { AdapterContext } from '../harness/adapter-context.ts';
import { defineGroup } from '../harness/case.ts';

const WRITTEN = 6_000_000;
const facets = ['long-lived'] as const;

export const belongings = defineGroup('belongings', 'what there is, and what it occupies', (test) => {
  test(
    'size-of-sandbox',
    'a list with sizes tells what a guest has written, or nothing',
    { facets },
    async (t) => {
      const name = await t.running();
      const before = await sizeOf(t, name);
      await t.exec(name, `head -c ${WRITTEN} /dev/urandom > written.bin`);
      await tellsOf(t, before, () => sizeOf(t, name));
      const [plain] = await t.adapter.list({ 'dev.sandbox.name': name });
      t.expect(plain?.name).toBe(name);
    },
  );

  test(
    'size-of-volume',
    'a list with sizes tells what is in a volume, or nothing',
    { facets: ['volumes'] },
    async (t) => {
      const { adapter } = t;
      const volume = t.volume();
      const { uid, gid } = t.spec().user;
      const mount = {
        type: 'volume',
        volume,
        target: '/home/sandbox',
        readOnly: false,
        owner: { uid, gid },
      } as const;
      const size = async () => {
        const list = await adapter.volumes?.list({ 'dev.sandbox.scope': t.scope }, { sizes: true });
        const found = list?.find((one) => one.name === volume);
        t.expect(found?.name).toBe(volume);
        return found?.sizeBytes;
      };
      await t.run('true', { mounts: [mount] });
      const before = await size();
      await t.run(`head -c ${WRITTEN} /dev/urandom > "$HOME/written.bin"`, {
        mounts: [mount],
        env: { PATH: '/usr/bin:/bin', HOME: '/home/sandbox' },
      });
      await tellsOf(t, before, size);
    },
  );

  test('sweep-keeps', 'a sweep, even of all, takes nothing that a sandbox needs', { facets }, async (t) => {
    const stopped = await t.inState('stopped');
    const spec = t.longLived();
    await t.adapter.create(spec);
    await t.adapter.start(spec.name);
    await t.exec(spec.name, 'echo kept > kept.txt');
    for (const all of [false, true]) await t.adapter.sweep?.({ 'dev.sandbox.scope': t.scope }, { all });
    await t.adapter.start(stopped.name);
    t.expect((await t.exec(spec.name, 'cat kept.txt')).stdout).toBe('kept\n');
    const agent = await t.adapter.exec(spec.name, { argv: [agentPath(spec.agent.digest), 'session'] });
    t.expect([126, 127]).not.toContain((await t.collect(agent)).exitCode);
    t.expect((await t.exec(stopped.name, 'echo up')).stdout).toBe('up\n');
  });

  test('extras', 'what is kept besides has names, and sizes or none', async (t) => {
    for (const { name, sizeBytes } of (await t.adapter.extras?.()) ?? []) {
      t.expect(name).toMatch(/\S/);
      if (sizeBytes !== null) t.expect(sizeBytes).toBeGreaterThanOrEqual(0);
    }
  });
});

async function sizeOf(t: AdapterContext, name: string): Promise<number | undefined> {
  const [info] = await t.adapter.list({ 'dev.sandbox.name': name }, { sizes: true });
  t.expect(info?.name).toBe(name);
  return info?.sizeBytes;
}

/** File systems give away more than was asked for; engines may look late. */
async function tellsOf(
  t: AdapterContext,
  before: number | undefined,
  size: () => Promise<number | undefined>,
): Promise<void> {
  if (before === undefined) return;
  await t.eventually('the size has grown by what was written', async () => {
    const grown = ((await size()) ?? 0) - before;
    return grown >= WRITTEN && grown < 2 * WRITTEN;
  });
}
