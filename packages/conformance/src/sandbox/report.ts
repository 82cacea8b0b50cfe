import { CONTROLS } from '@sandbox/core';
import { defineGroup } from '../harness/case.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

export const report = defineGroup<SandboxContext>('report', 'the enforcement report is true', (test) => {
  test(
    'rows',
    'it has a row for each control that the policy needs, each with means and source',
    async (t) => {
      const { enforcement } = await t.box();
      const rows = Object.entries(enforcement);
      t.expect(rows.filter(([control]) => !(CONTROLS as readonly string[]).includes(control))).toEqual([]);
      t.expect(rows.filter(([, row]) => row.how.trim() === '' || row.source === undefined)).toEqual([]);
      for (const control of ['user', 'memory', 'pids', 'namespaces'] as const)
        t.expect(control in enforcement).toBe(true);
    },
  );

  test('no-boast', 'no row says more than the runtime can do here', async (t) => {
    const rank = { unsupported: 0, limited: 1, enforced: 2 } as const;
    const { enforcement } = await t.box();
    const boasts = CONTROLS.filter((control) => {
      const row = enforcement[control];
      return row !== undefined && rank[row.status] > rank[t.probe.capabilities.controls[control].support];
    });
    t.expect(boasts).toEqual([]);
  });

  test('unsupported-is-null', 'what is not enforced has no effect, and says so', async (t) => {
    const { enforcement } = await t.box();
    const wrong = Object.entries(enforcement).filter(
      ([, row]) => row.status === 'unsupported' && row.effective !== null && row.effective !== false,
    );
    t.expect(wrong.map(([control]) => control)).toEqual([]);
  });

  test('warned', 'every default that the runtime goes without is in a warning', async (t) => {
    const { enforcement, warnings } = await t.box();
    const silent = Object.entries(enforcement).filter(
      ([control, row]) =>
        row.status === 'unsupported' &&
        !warnings.join(' ').includes(control) &&
        !(control === 'seccomp' && t.probe.capabilities.boundary === 'vm'),
    );
    t.expect(silent.map(([control]) => control)).toEqual([]);
  });

  test(
    'open-files',
    'open files: the number in the report is the number inside',
    { controls: ['open-files'] },
    async (t) => {
      const { stdout, enforcement } = await t.runSh('ulimit -n', { policy: { openFiles: 321 } });
      t.expect([stdout.trim(), enforcement['open-files']?.effective]).toEqual(['321', 321]);
      t.expect(enforcement['open-files']?.source).toBe('request');
    },
  );

  test('user', 'user: the ids in the report are the ids inside', { controls: ['user'] }, async (t) => {
    const { stdout, enforcement } = await t.runSh('echo "$(id -u):$(id -g)"');
    t.expect(String(enforcement.user?.effective)).toContain(stdout.trim());
  });

  test(
    'memory',
    'memory: the number in the report is the one that was asked for',
    { controls: ['memory'] },
    async (t) => {
      const memoryBytes = 256 * 1024 * 1024;
      const { enforcement } = await t.runSh('true', { policy: { memoryBytes } });
      t.expect([enforcement.memory?.requested, enforcement.memory?.effective]).toEqual([
        memoryBytes,
        memoryBytes,
      ]);
    },
  );

  test(
    'pids',
    "pids: the number in the report is the user's, without what the agent takes",
    { controls: ['pids'] },
    async (t) => {
      const { enforcement } = await t.runSh('true', { policy: { pids: 100 } });
      t.expect([enforcement.pids?.requested, enforcement.pids?.effective]).toEqual([100, 100]);
    },
  );

  test('inspect', 'inspect shows the same report as the result', async (t) => {
    const box = await t.own();
    const details = await box.inspect();
    const statuses = (of: typeof box.enforcement) =>
      Object.fromEntries(Object.entries(of).map(([control, row]) => [control, row.status]));
    t.expect(statuses(details.enforcement)).toEqual(statuses(box.enforcement));
  });
});
