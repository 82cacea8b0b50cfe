import { defineGroup } from '../harness/case.ts';
import { hostProcessesWith } from '../harness/host.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

/** Stays behind in every way that a process can. */
const strays = `sleep $M.1 & (setsid sh -c "sleep $M.2 >/dev/null 2>&1 </dev/null &"); (setsid env -i sleep $M.3 >/dev/null 2>&1 </dev/null &); echo spread`;

export const remains = defineGroup<SandboxContext>(
  'remains',
  'nothing is left behind, whatever happened',
  (test) => {
    for (const [id, script, timeoutMs] of [
      ['end', 'exit 0', 20_000],
      ['failure', 'exit 3', 20_000],
      ['timeout', 'sleep 600', 1_500],
      ['signal', 'kill -KILL $$', 20_000],
    ] as const) {
      test(`run-${id}`, `after a run that ended by ${id}, no sandbox and no process is left`, async (t) => {
        const M = markOf();
        const result = await t.runSh(`${strays}; ${script}`, { env: { M }, timeoutMs });
        t.expect(result.stdout).toBe('spread\n');
        t.expect(await hostProcessesWith(`${M}.`)).toEqual([]);
        t.expect(await t.adapter.list({ 'dev.sandbox.name': result.sandbox })).toEqual([]);
      });
    }

    test('removed', 'after remove, none of its processes is left', async (t) => {
      const M = markOf();
      const box = await t.own();
      await box.spawn(['sh', '-c', `${strays}; sleep 600`], { env: { M } });
      await t.eventually(
        'it has spread',
        async () => (await hostProcessesWith(`${M}.`)).length >= 3 || (await inGuest(box, M)) >= 3,
      );
      await box.remove();
      t.expect(await hostProcessesWith(`${M}.`)).toEqual([]);
    });

    test(
      'session-closed',
      'after close of a long-lived sandbox, the commands of this session are gone',
      { facets: ['long-lived'] },
      async (t) => {
        const M = markOf();
        const box = await t.opened({ workspaceAccess: 'none' });
        await box.spawn(['sh', '-c', `${strays}; sleep 600`], { env: { M } });
        await t.eventually('it has spread', async () => (await inGuest(box, M)) >= 3);
        await box.close();
        await t.eventually('they are gone', async () => (await hostProcessesWith(`${M}.`)).length === 0);
      },
    );

    test('closed', 'after close of an ephemeral sandbox, it and its processes are gone', async (t) => {
      const M = markOf();
      const box = await t.own();
      await box.spawn(['sh', '-c', `${strays}; sleep 600`], { env: { M } });
      await t.eventually('it has spread', async () => (await inGuest(box, M)) >= 3);
      await box.close();
      t.expect(await hostProcessesWith(`${M}.`)).toEqual([]);
      t.expect(await t.adapter.list({ 'dev.sandbox.name': box.name })).toEqual([]);
    });

    test('failed-program', 'a program that is not there leaves nothing', async (t) => {
      const { exitCode, sandbox } = await t.sandboxes.run(['no-such-program']);
      t.expect(exitCode).toBe(127);
      t.expect(await t.adapter.list({ 'dev.sandbox.name': sandbox })).toEqual([]);
    });

    test('refused', 'a request that was refused leaves nothing', async (t) => {
      const label = { 'example.conformance/case': markOf() };
      await t.refused(
        'INVALID_ARGUMENT',
        t.sandboxes.run(['true'], { labels: label, policy: { env: { 'A=B': 'c' } } }),
      );
      t.expect(await t.adapter.list(label)).toEqual([]);
    });

    test('cleanup', 'cleanup finds nothing to do, and does not touch what is in use', async (t) => {
      const box = await t.own();
      const { removed, failed } = await t.sandboxes.cleanup();
      t.expect([removed, failed]).toEqual([[], []]);
      t.expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
    });

    test('whole-suite', 'nothing of this suite is left but the sandbox that its cases share', async (t) => {
      const shared = (await t.box()).name;
      const left = (await t.adapter.list({ 'dev.sandbox.scope': t.scope })).map(({ name }) => name);
      t.expect(left.filter((name) => name !== shared)).toEqual([]);
      t.expect((await t.adapter.volumes?.list({ 'dev.sandbox.scope': t.scope })) ?? []).toEqual([]);
    });
  },
);

function markOf(): string {
  return `96${Math.floor(Math.random() * 1e9)}`;
}

async function inGuest(box: import('@sandbox/core').Sandbox, mark: string): Promise<number> {
  const { stdout } = await box.exec([
    'sh',
    '-c',
    'for f in /proc/[0-9]*/cmdline; do tr "\\0" " " < $f 2>/dev/null; echo; done | grep -c "^sleep $1$2"; true',
    'sh',
    mark.slice(0, 4),
    mark.slice(4),
  ]);
  return Number(stdout);
}
