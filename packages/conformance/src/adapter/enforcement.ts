import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONTROLS, type Control, type SandboxSpec } from '@sandbox/core';
import type { AdapterContext } from '../harness/adapter-context.ts';
import { defineGroup } from '../harness/case.ts';
import type { SpecOverrides } from '../harness/spec.ts';

const MiB = 1024 * 1024;

interface Ask {
  readonly overrides: SpecOverrides;
  /** What must be read back; undefined: any. */
  readonly effective?: number | string | boolean;
}

/** How each control is asked for in a spec, by itself. Namespaces cannot be asked for: they are there or not. */
const asks: Readonly<Record<Exclude<Control, 'namespaces'>, (t: AdapterContext) => Ask | Promise<Ask>>> = {
  memory: () => ({ overrides: { limits: { memoryBytes: 256 * MiB } }, effective: 256 * MiB }),
  cpus: () => ({ overrides: { limits: { cpus: 1 } }, effective: 1 }),
  pids: () => ({ overrides: { limits: { pids: 128 } }, effective: 128 }),
  'open-files': () => ({ overrides: { limits: { openFiles: 512 } }, effective: 512 }),
  'file-size': () => ({ overrides: { limits: { fileSizeBytes: 8 * MiB } }, effective: 8 * MiB }),
  disk: () => ({ overrides: { limits: { diskBytes: 256 * MiB } }, effective: 256 * MiB }),
  'tmpfs-size': (t) => ({ overrides: { mounts: [{ ...t.tmpfs, target: '/scratch' }] } }),
  'read-only-root': (t) => ({
    overrides: { root: { ...t.spec().root, readOnly: true }, mounts: t.scratch },
    effective: true,
  }),
  'network-none': () => ({ overrides: { network: 'none' } }),
  'network-full': () => ({ overrides: { network: 'full' } }),
  'workspace-access': async (t) => ({
    overrides: {
      mounts: [{ type: 'bind', source: await hostDirectory(t), target: '/workspace', readOnly: true }],
    },
  }),
  user: (t) => {
    const { uid, gid } = t.spec().user;
    return { overrides: {}, effective: `${uid}:${gid}` };
  },
  capabilities: () => ({ overrides: { security: { capabilities: [] } } }),
  'no-new-privileges': () => ({ overrides: { security: { noNewPrivileges: true } }, effective: true }),
  seccomp: () => ({ overrides: { security: { seccomp: true } } }),
};

export const enforcement = defineGroup(
  'enforcement',
  'what is asked for is enforced and read back, or refused',
  (test) => {
    for (const control of CONTROLS) {
      if (control === 'namespaces') continue;
      // Never skipped: the refusal is the twin of the cases that a runtime without the control skips.
      test(
        control,
        `${control}: accepted and read back where supported, else UNSUPPORTED by name`,
        async (t) => {
          const { support } = t.probe.capabilities.controls[control];
          const { overrides, effective } = await asks[control](t);
          const spec = t.spec(overrides);
          if (support === 'unsupported') await refusedByName(t, spec, control);
          else await acceptedAndReadBack(t, spec, control, effective);
        },
      );
    }

    test('several-unsupported', 'a spec with one control too many is refused whole', async (t) => {
      const missing: readonly Control[] = CONTROLS.filter(
        (control) => t.probe.capabilities.controls[control].support === 'unsupported',
      );
      const control = missing.find((name): name is Exclude<Control, 'namespaces'> => name !== 'namespaces');
      if (control === undefined) return;
      const { overrides } = await asks[control](t);
      const spec = t.spec({ ...overrides, argv: ['/bin/sh', '-c', 'echo ran'] });
      await refusedByName(t, spec, control);
      await t.refused('NOT_FOUND', t.adapter.start(spec.name));
    });

    test('user-limited', 'ids that cannot be had are refused', async (t) => {
      if (t.probe.capabilities.controls.user.support !== 'limited') return;
      const spec = t.spec({ user: { uid: 4321, gid: 4321, allowRoot: false } });
      await t.rightOrRefused(async () => void (await t.adapter.create(spec)));
    });

    test('readback-status', 'what is read back names controls, each once, with means', async (t) => {
      const { readback } = await t.create();
      const controls = readback.map((row) => row.control);
      t.expect(new Set(controls).size).toBe(controls.length);
      t.expect(controls.filter((control) => !CONTROLS.includes(control))).toEqual([]);
      t.expect(readback.filter((row) => row.how.trim() === '')).toEqual([]);
    });

    test('readback-is-honest', 'nothing is read back as more than the runtime can do here', async (t) => {
      const { readback } = await t.create();
      const rank = { unsupported: 0, limited: 1, enforced: 2 } as const;
      const boasts = readback.filter(
        (row) => rank[row.status] > rank[t.probe.capabilities.controls[row.control].support],
      );
      t.expect(boasts.map((row) => row.control)).toEqual([]);
    });

    test(
      'readback-is-true',
      'ids and limits that are read back are those seen inside',
      { controls: ['open-files'] },
      async (t) => {
        const spec = t.spec({
          argv: ['/bin/sh', '-c', 'echo "$(id -u):$(id -g)"; ulimit -n'],
          limits: { openFiles: 333 },
        });
        const { readback } = await t.adapter.create(spec);
        const seen = (await t.collect(await t.adapter.start(spec.name, { attach: true }))).stdout
          .trim()
          .split('\n');
        const told = (control: Control) => String(readback.find((row) => row.control === control)?.effective);
        t.expect(seen[1]).toBe(told('open-files'));
        if (readback.some((row) => row.control === 'user')) t.expect(seen[0]).toBe(told('user'));
      },
    );
  },
);

async function refusedByName(t: AdapterContext, spec: SandboxSpec, control: Control): Promise<void> {
  const error = await t.refused('UNSUPPORTED', t.adapter.create(spec));
  t.expect(error.message).toContain(control);
  await t.refused('NOT_FOUND', t.adapter.inspect(spec.name));
  t.expect(await t.adapter.list({ 'dev.sandbox.name': spec.name })).toEqual([]);
}

async function acceptedAndReadBack(
  t: AdapterContext,
  spec: SandboxSpec,
  control: Control,
  effective: Ask['effective'],
): Promise<void> {
  const { support } = t.probe.capabilities.controls[control];
  const attempt = t.adapter.create(spec);
  if (support === 'limited') {
    const refusal = await attempt.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (refusal !== undefined) {
      // Beyond its limit, a limited control is refused like one that is not there.
      t.expect((await t.refused('UNSUPPORTED', Promise.reject(refusal))).message).toContain(control);
      return;
    }
  }
  const { readback } = await attempt;
  t.expect(readback.map((one) => one.control)).toContain(control);
  const row = readback.find((one) => one.control === control);
  t.expect(['enforced', 'limited']).toContain(row?.status);
  if (effective !== undefined && support === 'enforced') t.expect(row?.effective).toBe(effective);
}

async function hostDirectory(t: AdapterContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'conformance-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  await chmod(path, 0o755);
  return path;
}
