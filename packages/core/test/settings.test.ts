import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Caller,
  type CallerSettings,
  type CleanupSettings,
  createMemoryRegistry,
  createSandboxes,
  fixedSettings,
  formatInstance,
  LABEL,
  lowerTrust,
  readInstance,
  type Sandboxes,
  type SandboxRecord,
  type SettingsSource,
  type Trust,
} from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';

let base: string;
let workspace: string;
let configFile: string;
const made: Sandboxes[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'settings-'));
  workspace = mkdtempSync(join(tmpdir(), 'workspace-'));
  configFile = join(base, 'sandbox.toml');
});
afterEach(async () => {
  const left = createPlainAdapter({ directory: base });
  for (const { name } of await left.list({})) await left.remove(name, { volumes: true });
  await Promise.all(made.splice(0).map((sandboxes) => sandboxes.close()));
  rmSync(base, { recursive: true, force: true });
  rmSync(workspace, { recursive: true, force: true });
});

/** What a file would say; a test changes it as an editor would. */
interface Configured {
  enabled: boolean;
  trust: Readonly<Record<string, Trust>>;
  jobs: Readonly<Record<string, string>>;
  settings: Partial<CallerSettings>;
  cleanup: Partial<CleanupSettings>;
}

function setUp(given: Partial<Configured> = {}) {
  const configured: Configured = { enabled: true, trust: {}, jobs: {}, settings: {}, cleanup: {}, ...given };
  const plain = fixedSettings();
  const settings: SettingsSource = {
    file: configFile,
    get enabled() {
      return configured.enabled;
    },
    settingsFor({ user, cron, trust }: Caller) {
      const name = cron === undefined ? user : configured.jobs[cron];
      const highest = configured.trust[name ?? ''] ?? 'familiar';
      const lowered = trust === undefined ? highest : lowerTrust(trust, highest);
      return { ...plain.settingsFor({ user: name, trust: lowered }), ...configured.settings };
    },
    get cleanup() {
      return { ...plain.cleanup, trustOf: (user: string) => configured.trust[user], ...configured.cleanup };
    },
  };
  const adapter = createPlainAdapter({ directory: base });
  const registry = createMemoryRegistry();
  const sandboxes = createSandboxes({ adapter, registry, settings });
  made.push(sandboxes);
  const open = (caller: Caller = {}) =>
    sandboxes.open({ workspace, policy: { workspaceAccess: 'none' }, ...caller });
  return { configured, sandboxes, registry, open };
}

describe('switched off', () => {
  it('nothing is made, started or run, and what is there can be listed, stopped and removed', async () => {
    const { configured, sandboxes, open } = setUp();
    const box = await open();
    configured.enabled = false;
    const off = {
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/enabled is false in .*sandbox\.toml$/),
    };
    await expect(sandboxes.run(['true'])).rejects.toMatchObject(off);
    await expect(sandboxes.create()).rejects.toMatchObject(off);
    await expect(open()).rejects.toMatchObject(off);
    await expect(sandboxes.open({ project: 'web', task: 'a' })).rejects.toMatchObject(off);
    await expect(box.exec(['true'])).rejects.toMatchObject(off);
    await expect(box.spawn(['true'])).rejects.toMatchObject(off);
    await expect(box.shell`true`).rejects.toMatchObject(off);
    await expect(box.restricted().exec(['true'])).rejects.toMatchObject(off);
    await box.stop();
    await expect(box.start()).rejects.toMatchObject(off);
    const found = await sandboxes.get(box.name);
    await expect(found.start()).rejects.toMatchObject(off);
    expect((await found.inspect()).state).toBe('stopped');
    expect(await sandboxes.list()).toHaveLength(1);
    await found.remove();
    expect(await sandboxes.list()).toEqual([]);
  });

  it('and on again, without a restart', async () => {
    const { configured, sandboxes } = setUp({ enabled: false });
    await expect(sandboxes.run(['true'])).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    configured.enabled = true;
    expect((await sandboxes.run(['true'])).exitCode).toBe(0);
  });
});

describe('who calls', () => {
  it('is asked about at each call, and is at most as trusted as configured', async () => {
    const { configured, sandboxes } = setUp({ trust: { ann: 'inner' } });
    const create = async (caller: Caller) => {
      await using box = await sandboxes.create({ ...caller, start: false });
      return (await box.inspect()).trust;
    };
    expect(await create({ user: 'ann' })).toBe('inner');
    expect(await create({ user: 'ann', trust: 'owner' })).toBe('inner');
    expect(await create({ user: 'ann', trust: 'familiar' })).toBe('familiar');
    expect(await create({ user: 'bob', trust: 'owner' })).toBe('familiar');
    configured.trust = { ann: 'full' };
    expect(await create({ user: 'ann' })).toBe('full');
  });

  it('is the user of the job', async () => {
    const { sandboxes, registry, open } = setUp({ jobs: { nightly: 'ann' }, trust: { ann: 'full' } });
    const box = await open({ cron: 'nightly' });
    expect(await box.inspect()).toMatchObject({ user: 'ann', trust: 'full' });
    expect((await box.inspect()).labels[LABEL.cron]).toBe('nightly');
    expect(await registry.get(box.name)).toMatchObject({ user: 'ann', trust: 'full' });
    await expect(open({ user: 'bob' })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect((await open({ user: 'ann' })).name).toBe(box.name);
    await expect(
      createSandboxes({ adapter: createPlainAdapter() }).run(['true'], { cron: 'nightly' }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await sandboxes.close();
  });

  it.each([
    [{ user: '' }, 'name of a user'],
    [{ user: 'a\nb' }, 'user'],
    [{ user: ' ann' }, 'user'],
    [{ trust: 'admin' as Trust }, 'trust level'],
  ])('is refused as %j', async (caller, what) => {
    const { sandboxes } = setUp();
    await expect(sandboxes.run(['true'], caller)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(what),
    });
  });
});

describe('what is configured', () => {
  it('is in force where the request says nothing', async () => {
    const layers = [
      { source: 'config', values: { openFiles: 100, timeoutMs: 5000 } },
      { source: 'user', values: { openFiles: 200 } },
    ] as const;
    const { sandboxes } = setUp({ settings: { layers: { ephemeral: layers, 'long-lived': [] } } });
    await using box = await sandboxes.create();
    expect((await box.exec(['sh', '-c', 'ulimit -n'])).stdout).toBe('200\n');
    expect(box.enforcement['open-files']).toMatchObject({ requested: 200, source: 'user' });
    expect(box.timeoutMs).toBe(5000);
    await using other = await sandboxes.create({ policy: { openFiles: 300, timeoutMs: null } });
    expect((await other.exec(['sh', '-c', 'ulimit -n'])).stdout).toBe('300\n');
    expect(other.timeoutMs).toBeNull();
  });

  it('names the runtime, and a request another', async () => {
    const { sandboxes } = setUp({ settings: { runtime: 'elsewhere' } });
    await expect(sandboxes.run(['true'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await sandboxes.run(['true'], { runtime: 'reference' })).exitCode).toBe(0);
    expect((await sandboxes.run(['true'], { runtime: 'auto' })).exitCode).toBe(0);
  });

  it('decides whether a sandbox is kept, where the request does not and trust allows it', async () => {
    const { configured, open, sandboxes } = setUp({ settings: { lifecycle: 'ephemeral' } });
    expect((await open()).lifecycle).toBe('ephemeral');
    const asked = { workspace, policy: { workspaceAccess: 'none' } } as const;
    const kept = await sandboxes.open({ ...asked, lifecycle: 'long-lived' });
    expect(kept.lifecycle).toBe('long-lived');
    configured.settings = { lifecycle: 'long-lived', ceilings: { familiar: { allowLongLived: false } } };
    const lowered = await open();
    expect(lowered.lifecycle).toBe('ephemeral');
    expect(lowered.warnings).toContainEqual(expect.stringMatching(/^allow_long_lived: trust familiar/));
    await expect(sandboxes.open({ ...asked, lifecycle: 'long-lived' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('allow_long_lived'),
    });
    // What was made before can still be found and removed.
    await (await sandboxes.get(kept.name)).remove();
  });

  it('says how many a user may have, of either life, and nobody is kept from those that there are', async () => {
    const ceilings = { familiar: { maxSandboxes: 1 } };
    const { open, sandboxes } = setUp({ settings: { ceilings } });
    const box = await open({ user: 'ann' });
    const full = { code: 'RESOURCE_EXHAUSTED', message: expect.stringContaining('max_sandboxes') };
    await expect(sandboxes.create({ user: 'ann' })).rejects.toMatchObject(full);
    const policy = { workspaceAccess: 'none' } as const;
    const another = mkdtempSync(join(base, 'another-'));
    await expect(sandboxes.open({ workspace: another, policy, user: 'ann' })).rejects.toMatchObject(full);
    expect((await open({ user: 'ann' })).name).toBe(box.name);
    await (await sandboxes.create({ user: 'bob' })).remove();
    await box.remove();
    await (await sandboxes.create({ user: 'ann' })).remove();
  });

  it('says how many a user may have, also of those that are asked for at the same moment', async () => {
    const { sandboxes, open, registry } = setUp({
      settings: { ceilings: { familiar: { maxSandboxes: 2 } } },
    });
    const create = () => sandboxes.create({ user: 'ann' });
    const all = await Promise.allSettled([
      create(),
      open({ user: 'ann' }),
      ...Array.from({ length: 4 }, create),
    ]);
    const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const full = { code: 'RESOURCE_EXHAUSTED', message: expect.stringContaining('max_sandboxes') };
    expect(refused).toEqual(Array.from({ length: 4 }, () => expect.objectContaining(full)));
    expect(await sandboxes.list()).toHaveLength(2);
    expect(await registry.list()).toHaveLength(2);
  });

  it('does not count what a killed program had, and what it had not made yet', async () => {
    const { sandboxes, registry, open } = setUp({
      settings: { ceilings: { familiar: { maxSandboxes: 2 } } },
    });
    const dead = formatInstance({ ...readInstance(), startTime: '1' });
    for (const lifecycle of ['ephemeral', 'long-lived'] as const) {
      await registry.put({
        ...{ name: `sandbox-${lifecycle}`, runtime: 'reference', lifecycle, workspace: null, user: 'ann' },
        ...{ trust: 'familiar', instance: dead, createdAt: new Date(0), lastUsedAt: new Date(0) },
      });
    }
    await (await sandboxes.create({ user: 'ann' })).remove();
    await registry.put({
      ...{
        name: 'sandbox-kept',
        runtime: 'elsewhere',
        lifecycle: 'long-lived',
        workspace: null,
        user: 'ann',
      },
      ...{ trust: 'familiar', instance: dead, createdAt: new Date(0), lastUsedAt: new Date(1) },
    });
    await open({ user: 'ann' });
    await expect(sandboxes.create({ user: 'ann' })).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it('is in a file that no workspace may contain', async () => {
    const { sandboxes, open } = setUp();
    configFile = join(workspace, 'sandbox.toml');
    const inside = setUp();
    await expect(inside.open()).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining('the configuration of sandboxes'),
    });
    await expect(inside.sandboxes.create({ workspace })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    expect((await open()).lifecycle).toBe('long-lived');
    await sandboxes.close();
  });

  it('is given once: as settings, or as options', () => {
    const adapter = createPlainAdapter();
    for (const twice of [{ policy: {} }, { ceilings: {} }, { defaultTrust: 'inner' as const }]) {
      expect(() => createSandboxes({ adapter, settings: fixedSettings(), ...twice })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
  });
});

describe('cleanup', () => {
  async function idle(given: Partial<Configured>, caller: Caller, days = 31) {
    const setting = setUp(given);
    const box = await setting.open(caller);
    await box.close();
    const { lastUsedBoot: _now, ...record } = (await setting.registry.get(box.name)) as SandboxRecord;
    // What is put over a record never takes a use back.
    await setting.registry.remove(box.name);
    await setting.registry.put({ ...record, lastUsedAt: new Date(Date.now() - days * 86_400_000) });
    return { ...setting, removed: async () => (await setting.sandboxes.cleanup()).removed.length === 1 };
  }

  it.each([
    ['owner', true],
    ['full', true],
    ['inner', false],
    ['familiar', false],
    ['public', false],
  ] as const)('goes by the trust of now: %s', async (now, isKept) => {
    const before = isKept ? 'familiar' : 'full';
    const { configured, removed } = await idle({ trust: { ann: before } }, { user: 'ann' });
    configured.trust = { ann: now };
    expect(await removed()).toBe(!isKept);
  });

  it('goes by the recorded trust of users who are not configured any more', async () => {
    const { configured, removed } = await idle({ trust: { ann: 'full' } }, { user: 'ann' });
    configured.trust = {};
    expect(await removed()).toBe(false);
  });

  it('goes by the days and the protection that are configured, of users and of jobs', async () => {
    const configured = { trust: { ann: 'full' as const }, jobs: { nightly: 'ann' } };
    const short = await idle({ ...configured, cleanup: { idleDays: 7 } }, {}, 8);
    expect(await short.removed()).toBe(true);
    const never = await idle({ ...configured, cleanup: { idleDays: null } }, {}, 1000);
    expect(await never.removed()).toBe(false);
    await (await never.open()).remove();
    const protectsFullTrust: CleanupSettings['protectsFullTrust'] = ({ user, cron }) =>
      user !== 'ann' || cron !== 'nightly';
    const job = await idle({ ...configured, cleanup: { protectsFullTrust } }, { cron: 'nightly' });
    expect(await job.removed()).toBe(true);
    const person = await idle({ ...configured, cleanup: { protectsFullTrust } }, { user: 'ann' });
    expect(await person.removed()).toBe(false);
  });
});
