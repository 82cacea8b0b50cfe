import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type CleanupClock,
  createMemoryRegistry,
  createSandboxes,
  LABEL,
  type OpenOptions,
  type Registry,
  type RuntimeAdapter,
  type SandboxDetails,
  type Sandboxes,
  type SandboxesOptions,
} from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';

const DAY_MS = 86_400_000;
let base: string;
const opened: Sandboxes[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'missing-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandboxes) => sandboxes.close()));
  rmSync(base, { recursive: true, force: true });
});

/** After a restart of the machine. */
const inDays = (days: number) => (): CleanupClock => ({
  now: new Date(Date.now() + days * DAY_MS),
  boot: { bootId: 'later', elapsedMs: 1 },
});

function program(
  registry: Registry = createMemoryRegistry(),
  more: Partial<RuntimeAdapter> = {},
  clock?: SandboxesOptions['clock'],
) {
  const adapter = { ...createPlainAdapter({ directory: base }), ...more };
  const sandboxes = createSandboxes({ adapter, registry, scope: 'test', ...(clock && { clock }) });
  opened.push(sandboxes);
  const open = (options: Partial<OpenOptions> = {}) => {
    const workspace = join(base, 'work');
    mkdirSync(workspace, { recursive: true });
    return sandboxes.open({ workspace, user: 'ann', policy: { workspaceAccess: 'none' }, ...options });
  };
  return { adapter, registry, sandboxes, open };
}

/** Somebody removes the sandbox behind our back, as `docker rm` does; its name. */
async function lose({ adapter, open }: ReturnType<typeof program>): Promise<string> {
  const box = await open();
  await box.exec(['sh', '-c', 'echo kept > "$HOME/file"'], { check: true });
  await box.close();
  await adapter.remove(box.name);
  return box.name;
}

it('is listed, says what can be done, and is made again with its home', async () => {
  const ours = program();
  const name = await lose(ours);
  const { sandboxes, open } = ours;
  expect(await sandboxes.list()).toMatchObject([
    { name, state: 'missing', user: 'ann', lifecycle: 'long-lived', workspace: join(base, 'work') },
  ]);
  const box = await sandboxes.get(name);
  expect(await box.inspect()).toMatchObject({ name, state: 'missing', user: 'ann' });
  const refused = { code: 'FAILED_PRECONDITION', hint: expect.stringMatching(/made again.*sandbox rm/) };
  await expect(box.start()).rejects.toMatchObject(refused);
  await expect(box.exec(['true'])).rejects.toMatchObject(refused);
  await box.stop();
  await box.close();
  const again = await open();
  expect(again.name).toBe(name);
  expect(again.warnings).toContainEqual(expect.stringContaining('made again with its home'));
  expect((await again.exec(['cat', 'file'])).stdout).toBe('kept\n');
  expect(await sandboxes.list()).toMatchObject([{ name, state: 'running' }]);
});

it('is its owner’s, and where it was', async () => {
  const ours = program();
  const name = await lose(ours);
  for (const { open, sandboxes } of [ours, program()]) {
    for (const user of ['bob', undefined]) {
      await expect(open({ user })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    }
    await expect(sandboxes.get(name, { user: 'bob' })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  }
  const elsewhere = createPlainAdapter({ runtime: 'elsewhere', directory: join(base, 'elsewhere') });
  const both = createSandboxes({ adapters: [elsewhere, ours.adapter], scope: 'test' });
  opened.push(both);
  const options = {
    workspace: join(base, 'work'),
    user: 'ann',
    policy: { workspaceAccess: 'none' },
  } as const;
  await expect(both.open({ ...options, runtime: 'elsewhere' })).rejects.toMatchObject({
    ...{ code: 'FAILED_PRECONDITION', message: expect.stringContaining('is at reference') },
  });
  expect((await both.open(options)).runtime).toBe('reference');
});

it('is of whom it was last made for, where its home is older and nobody’s', async () => {
  const ours = program();
  await (await ours.open({ user: undefined })).close();
  await (await ours.open({ recreate: true })).close();
  const { createdAt } = (await ours.adapter.list())[0] ?? {};
  const name = await lose(ours);
  expect(await ours.sandboxes.list()).toMatchObject([{ name, user: 'ann' }]);
  expect((await ours.sandboxes.list())[0]?.createdAt?.getTime()).toBeLessThan(createdAt?.getTime() ?? 0);
  await expect(ours.open({ user: 'bob' })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});

it('is not taken for the one that is at another runtime', async () => {
  const ours = program();
  await lose(ours);
  const elsewhere = createPlainAdapter({ runtime: 'elsewhere', directory: join(base, 'elsewhere') });
  const options = {
    workspace: join(base, 'work'),
    policy: { workspaceAccess: 'none' },
    user: 'ann',
  } as const;
  const at = (adapters: RuntimeAdapter[]) => {
    const sandboxes = createSandboxes({ adapters, scope: 'test' });
    opened.push(sandboxes);
    return sandboxes.open(options);
  };
  await (await at([elsewhere])).close();
  expect((await at([ours.adapter, elsewhere])).runtime).toBe('elsewhere');
});

it('is gone with its home when it is removed', async () => {
  const ours = program();
  const box = await ours.sandboxes.get(await lose(ours));
  await box.remove();
  expect(await ours.sandboxes.list()).toEqual([]);
  expect(await ours.adapter.volumes?.list()).toEqual([]);
  expect(await ours.registry.list()).toEqual([]);
});

it('is not made again with a home whose removal was begun', async () => {
  const ours = program();
  const name = await lose(ours);
  await ours.registry.condemn(name);
  const box = await ours.open();
  expect((await box.exec(['sh', '-c', 'ls "$HOME"'])).stdout).toBe('');
  expect(box.warnings).not.toContainEqual(expect.stringContaining('made again'));
});

it('is cleaned up when it was idle too long, and no sooner', async () => {
  const ours = program();
  const name = await lose(ours);
  const { registry, adapter } = ours;
  const nothing = { removed: [], marked: [], failed: [] };
  expect(await ours.sandboxes.cleanup({ mode: 'automatic' })).toMatchObject(nothing);
  const { sandboxes } = program(registry, {}, inDays(31));
  expect(await sandboxes.cleanup({ mode: 'automatic' })).toMatchObject({ ...nothing, marked: [name] });
  expect(await sandboxes.cleanup()).toMatchObject({ ...nothing, removed: [name] });
  expect(await adapter.volumes?.list()).toEqual([]);
  expect(await registry.list()).toEqual([]);
});

it('is found by the label of its home where the registry was lost, and another scope’s is not', async () => {
  const name = await lose(program());
  const { sandboxes, registry, adapter } = program();
  await adapter.volumes?.ensure('of-another', {
    [LABEL.name]: 'sandbox-other',
    [LABEL.lifecycle]: 'long-lived',
    [LABEL.scope]: 'other',
  });
  expect(await sandboxes.cleanup()).toMatchObject({ removed: [], adopted: [name] });
  expect(await registry.list()).toMatchObject([{ name, user: 'ann', lifecycle: 'long-lived' }]);
  expect(await sandboxes.list()).toMatchObject([{ name, state: 'missing' }]);
});

it('of another scope is neither used nor removed', async () => {
  const ours = program();
  await lose(ours);
  const other = createSandboxes({ adapter: ours.adapter, scope: 'other' });
  opened.push(other);
  const options = { workspace: join(base, 'work'), policy: { workspaceAccess: 'none' } } as const;
  await expect(other.open(options)).rejects.toMatchObject({
    ...{ code: 'FAILED_PRECONDITION', message: expect.stringContaining('scope') },
  });
  expect(await other.list()).toEqual([]);
  expect((await (await ours.open()).exec(['cat', 'file'])).stdout).toBe('kept\n');
});

it('is what is left when making it again fails, or the program is killed over it', async () => {
  const ours = program();
  await (await ours.open()).close();
  const create = () => Promise.reject(new Error('killed'));
  const broken = program(ours.registry, { create });
  await expect(broken.open({ recreate: true })).rejects.toMatchObject({ message: 'killed' });
  expect(await ours.sandboxes.list()).toMatchObject([{ state: 'missing' }]);
  // The record of the one that was not made in the end.
  const [record] = await broken.sandboxes.list();
  const at = new Date(Date.now() + 1);
  const instance = `v1:::1:1:1`;
  await ours.registry.put({
    ...{ name: record?.name ?? '', runtime: 'reference', lifecycle: 'long-lived', workspace: null },
    ...{ user: 'ann', trust: null, instance, createdAt: at, lastUsedAt: at },
  });
  expect(await ours.sandboxes.cleanup()).toMatchObject({ removed: [], failed: [] });
  expect(await ours.sandboxes.list()).toMatchObject([{ state: 'missing' }]);
  expect((await ours.open()).warnings).toContainEqual(expect.stringContaining('made again with its home'));
});

it('is what is left, and recorded, when the program that makes it again is killed before it ran', async () => {
  const ours = program();
  const name = await lose(ours);
  const script = join(import.meta.dirname, 'support', 'open-elsewhere.ts');
  const child = spawn(process.execPath, [script, base, join(base, 'work'), 'dies', 'test', 'ann']);
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  const { sandboxes, registry, adapter } = program();
  const [half] = await adapter.list({});
  expect(half).toMatchObject({ name, state: 'created' });
  // As that program has recorded it.
  const at = new Date(half?.labels[LABEL.createdAt] ?? '');
  await registry.put({
    ...{ name, runtime: 'reference', lifecycle: 'long-lived', workspace: null, user: 'ann', trust: null },
    ...{ instance: half?.labels[LABEL.instance] ?? '', createdAt: at, lastUsedAt: at },
  });
  expect(await sandboxes.cleanup({ mode: 'automatic' })).toMatchObject({ removed: [name], failed: [] });
  expect(await sandboxes.list()).toMatchObject([{ name, state: 'missing', user: 'ann' }]);
  expect(await registry.list()).toMatchObject([{ name, user: 'ann' }]);
  const box = await ours.open();
  expect((await box.exec(['cat', 'file'])).stdout).toBe('kept\n');
});

it('is not one that another program is just making', async () => {
  const making = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const plain = createPlainAdapter({ directory: base });
  const registry = createMemoryRegistry();
  const first = program(registry, {
    async create(spec, call) {
      for (const mount of spec.mounts) {
        if (mount.type === 'volume') await plain.volumes?.ensure(mount.volume, { ...spec.labels });
      }
      making.resolve();
      await go.promise;
      return plain.create(spec, call);
    },
  });
  const opening = first.open();
  await making.promise;
  const second = program(registry);
  expect(await second.sandboxes.list()).toEqual([]);
  expect(await second.sandboxes.cleanup({ idleDays: 0 })).toMatchObject({ removed: [], failed: [] });
  go.resolve();
  const box = await opening;
  expect((await box.exec(['echo', 'hi'])).stdout).toBe('hi\n');
});

it('is not one that another program has begun to make since the runtime was asked for sandboxes', async () => {
  const registry = createMemoryRegistry();
  const stopped = Promise.withResolvers<never>();
  const plain = createPlainAdapter({ directory: base });
  const first = program(registry, {
    async create(spec) {
      for (const mount of spec.mounts) {
        if (mount.type === 'volume') await plain.volumes?.ensure(mount.volume, { ...spec.labels });
      }
      begun.resolve();
      return stopped.promise;
    },
  });
  const begun = Promise.withResolvers<void>();
  let opening: Promise<unknown> | undefined;
  const { sandboxes } = program(registry, {
    async list(...call) {
      const infos = await plain.list(...call);
      opening ??= first.open();
      opening.catch(() => {});
      await begun.promise;
      return infos;
    },
    volumes: {
      ...plain.volumes,
      async list(...call: Parameters<NonNullable<RuntimeAdapter['volumes']>['list']>) {
        await begun.promise;
        return (await plain.volumes?.list(...call)) ?? [];
      },
    } as NonNullable<RuntimeAdapter['volumes']>,
  });
  const report = await sandboxes.cleanup({ idleDays: 0 });
  const [shown, homes] = [await sandboxes.list(), await plain.volumes?.list()];
  stopped.reject(new Error('given up'));
  await opening?.catch(() => {});
  expect(report).toMatchObject({ removed: [], failed: [], adopted: [] });
  expect({ shown, homes: homes?.length }).toEqual({ shown: [], homes: 1 });
});

it('is made again once, whoever asks at the same moment', async () => {
  const ours = program();
  await lose(ours);
  const { volumes } = ours.adapter;
  if (volumes === undefined) throw new Error('the plain adapter has volumes');
  let first: SandboxDetails | undefined;
  const late = program(createMemoryRegistry(), {
    volumes: {
      ...volumes,
      async list(...call) {
        const seen = await volumes.list(...call);
        // Made again by another program between this look and what it is for.
        first ??= await (await ours.open()).inspect();
        return seen;
      },
    },
  });
  const second = await late.open();
  expect((await second.inspect()).labels).toEqual(first?.labels);
  expect((await second.exec(['cat', 'file'])).stdout).toBe('kept\n');
});
