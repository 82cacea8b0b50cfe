import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createMemoryRegistry,
  createSandboxes,
  LABEL,
  PROJECT_HOST_IDS,
  projectUser,
  type RuntimeAdapter,
  type Sandboxes,
  type SandboxesOptions,
  type SandboxInfo,
  type TaskOptions,
  type VolumeStore,
} from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';
import { until } from './support/processes.ts';

// A guest of a project is neither this user nor root.
const isRoot = process.getuid?.() === 0;

let base: string;
const opened: Sandboxes[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'tasks-'));
  // Guests must get to what lies in it.
  chmodSync(base, 0o755);
});
afterEach(async () => {
  const left = createPlainAdapter({ directory: base });
  for (const { name } of await left.list({})) await left.remove(name, { volumes: true });
  await Promise.all(opened.splice(0).map((sandboxes) => sandboxes.close()));
  rmSync(base, { recursive: true, force: true });
});

function setUp(
  more: Partial<SandboxesOptions> = {},
  overrides: (adapter: RuntimeAdapter) => Partial<RuntimeAdapter> = () => ({}),
) {
  const plain = createPlainAdapter({ directory: base });
  const adapter = { ...plain, ...overrides(plain) };
  const registry = createMemoryRegistry();
  const sandboxes = createSandboxes({ adapter, registry, ...more });
  opened.push(sandboxes);
  /** The plain adapter has no read-only root, which a task insists on. */
  const open = (project: string, task: string, options: Partial<TaskOptions> = {}) =>
    sandboxes.open({ ...{ project, task }, ...options, policy: { ...relaxed, ...options.policy } });
  return { adapter, registry, sandboxes, open };
}
const relaxed = { bestEffort: ['read-only-root'] } as const;

const volumesOf = async (adapter: RuntimeAdapter) =>
  (await (adapter.volumes as VolumeStore).list()).map(({ name }) => name).sort();
const namesOf = async (adapter: RuntimeAdapter) => (await adapter.list()).map(({ name }) => name).sort();

describe.runIf(isRoot)('a task', () => {
  it('has one sandbox and its project’s volume, which survives it', async () => {
    const { sandboxes, adapter, open } = setUp();
    const box = await open('web', 'T-1');
    expect(box).toMatchObject({ name: 'sandbox-web-T-1', lifecycle: 'long-lived', workdir: '/workspace' });
    expect(await box.inspect()).toMatchObject({ project: 'web', task: 'T-1', workspace: null });
    await box.exec(['sh', '-c', 'echo kept > made'], { check: true });
    await box.close();
    const again = await open('web', 'T-1');
    expect(again.name).toBe(box.name);
    expect((await again.exec(['cat', 'made'])).stdout).toBe('kept\n');
    expect(await namesOf(adapter)).toEqual([box.name]);
    expect(await sandboxes.endTask('web', 'T-1')).toBe(true);
    expect(await sandboxes.endTask('web', 'T-1')).toBe(false);
    expect(await namesOf(adapter)).toEqual([]);
    expect(await volumesOf(adapter)).toEqual(['sandbox-project-web']);
    const next = await open('web', 'T-2');
    expect((await next.exec(['cat', 'made'])).stdout).toBe('kept\n');
  });

  it('shares the volume and the user with the tasks of its project, and neither with another’s', async () => {
    const { open } = setUp();
    const [one, two, other] = await Promise.all([open('web', 'a'), open('web', 'b'), open('shop', 'a')]);
    const uid = String(projectUser('web', { type: 'identity' }).uid);
    expect(Number(uid)).toBeGreaterThanOrEqual(PROJECT_HOST_IDS.first);
    await one.exec(['sh', '-c', 'echo from-a > made'], { check: true });
    expect((await two.exec(['sh', '-c', 'cat made; id -u; stat -c %u . made'])).stdout).toBe(
      `from-a\n${uid}\n${uid}\n${uid}\n`,
    );
    const seen = await other.exec(['sh', '-c', 'ls; id -u']);
    expect(seen.stdout).toBe(`${projectUser('shop', { type: 'identity' }).uid}\n`);
  });

  it('keeps the user that its volume says, whatever this version would choose', async () => {
    const { adapter, open } = setUp();
    const labels = { [LABEL.managed]: 'true', [LABEL.project]: 'web', [LABEL.ids]: '4711:4712' };
    await adapter.volumes?.ensure('sandbox-project-web', labels);
    const box = await open('web', 'a');
    expect((await box.exec(['sh', '-c', 'id -u; id -g'])).stdout).toBe('4711\n4712\n');
    expect(statSync(join(base, 'volumes', 'sandbox-project-web', 'data'))).toMatchObject({
      uid: 4711,
      gid: 4712,
    });
  });

  it('is one for ten programs that ask at the same moment', async () => {
    const programs = Array.from({ length: 10 }, () => setUp());
    const boxes = await Promise.all(programs.map(({ open }) => open('web', 'a')));
    expect(new Set(boxes.map(({ name }) => name))).toEqual(new Set(['sandbox-web-a']));
    const outputs = await Promise.all(boxes.map((box, index) => box.exec(['echo', String(index)])));
    expect(outputs.map(({ stdout }) => stdout)).toEqual(boxes.map((_, index) => `${index}\n`));
    expect(await namesOf(createPlainAdapter({ directory: base }))).toHaveLength(1);
  });

  it('belongs to who opened its project first', async () => {
    const { sandboxes, open } = setUp();
    await open('web', 'a', { user: 'ann' });
    const denied = { code: 'PERMISSION_DENIED', message: expect.stringContaining('another user') };
    await expect(open('web', 'a', { user: 'bob' })).rejects.toMatchObject(denied);
    await expect(open('web', 'b', { user: 'bob' })).rejects.toMatchObject(denied);
    await expect(open('web', 'b')).rejects.toMatchObject(denied);
    await expect(sandboxes.endTask('web', 'a', { user: 'bob' })).rejects.toMatchObject(denied);
    await expect(sandboxes.volumes.remove('web', { user: 'bob' })).rejects.toMatchObject(denied);
    expect((await (await open('web', 'b', { user: 'ann' })).exec(['true'])).exitCode).toBe(0);
  });

  it('needs what its trust level may have', async () => {
    const { sandboxes, open } = setUp({ ceilings: { familiar: { maxSandboxes: 2 } } });
    await expect(open('web', 'a', { trust: 'public' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('allow_long_lived'),
    });
    await Promise.all([open('web', 'a', { user: 'ann' }), open('web', 'b', { user: 'ann' })]);
    await expect(open('web', 'c', { user: 'ann' })).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await sandboxes.endTask('web', 'a');
    await open('web', 'c', { user: 'ann' });
  });

  it('is refused with an id that is none, and with what no task has', async () => {
    const { adapter, open, sandboxes } = setUp();
    const invalid = { code: 'INVALID_ARGUMENT' };
    for (const id of ['', 'run', 'project', 'a/b', '../a', 'a'.repeat(41)]) {
      await expect(open(id, 'a')).rejects.toMatchObject(invalid);
      await expect(open('web', id)).rejects.toMatchObject(invalid);
      await expect(sandboxes.endTask('web', id)).rejects.toMatchObject(invalid);
    }
    const odd = (options: object) => open('web', 'a', options as Partial<TaskOptions>);
    await expect(odd({ workspace: base })).rejects.toMatchObject(invalid);
    await expect(odd({ policy: { profile: 'workspace' } })).rejects.toMatchObject(invalid);
    await expect(odd({ policy: { user: '1000' } })).rejects.toMatchObject(invalid);
    await expect(odd({ policy: { workspaceAccess: 'none' } })).rejects.toMatchObject(invalid);
    await expect(odd({ policy: { bestEffort: [] } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('read-only-root'),
    });
    expect(await volumesOf(adapter)).toEqual([]);
  });

  it('is refused where a runtime has no volumes, by that name', async () => {
    const { open } = setUp({}, (plain) => ({
      async probe(options) {
        const found = await plain.probe(options);
        const volumes = { support: 'unsupported', how: 'for a test' } as const;
        return {
          ...found,
          capabilities: { ...found.capabilities, facets: { ...found.capabilities.facets, volumes } },
        };
      },
    }));
    await expect(open('web', 'a')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('volumes'),
    });
  });

  it('is refused where its name or its volume’s is somebody else’s', async () => {
    const { adapter, open } = setUp();
    await adapter.volumes?.ensure('sandbox-project-web', { [LABEL.managed]: 'true' });
    await expect(open('web', 'a')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    const other = setUp({ scope: 'other' });
    await other.open('shop', 'a');
    await expect(open('shop', 'b')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(await namesOf(adapter)).toEqual(['sandbox-shop-a']);
  });

  it('leaves nothing when it could not be made, not even a new volume', async () => {
    let fails = true;
    const { adapter, open } = setUp({}, (plain) => ({
      create: (...call) => (fails ? Promise.reject(new Error('the engine hiccups')) : plain.create(...call)),
    }));
    await expect(open('web', 'a')).rejects.toThrow('hiccups');
    expect(await volumesOf(adapter)).toEqual([]);
    fails = false;
    await (await open('web', 'a')).exec(['true'], { check: true });
    fails = true;
    await expect(open('web', 'b')).rejects.toThrow('hiccups');
    expect(await volumesOf(adapter)).toEqual(['sandbox-project-web']);
  });

  it('never takes another volume for its project’s', async () => {
    let removals = 1;
    const { adapter, sandboxes, open } = setUp({}, (plain) => ({
      // As when somebody removes it in the only moment in which nothing keeps it.
      async create(...call) {
        if (removals > 0) await plain.volumes?.remove('sandbox-project-web');
        removals -= 1;
        return plain.create(...call);
      },
    }));
    const box = await open('web', 'a');
    await box.exec(['sh', '-c', 'echo kept > made'], { check: true });
    await sandboxes.endTask('web', 'a');
    expect(await volumesOf(adapter)).toEqual(['sandbox-project-web']);
  });
});

describe.runIf(isRoot)('a task whose program has ended', () => {
  const elsewhere = fileURLToPath(new URL('support/open-task-elsewhere.ts', import.meta.url));
  async function openElsewhere(project: string, task: string, keep = '') {
    const child = spawn(process.execPath, [elsewhere, base, project, task, keep], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [name] = await once(child.stdout, 'data');
    return { child, name: String(name).trim() };
  }
  async function killed(...call: Parameters<typeof openElsewhere>) {
    const { child, name } = await openElsewhere(...call);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    return name;
  }

  it('is removed by whoever looks next, and its volume is not', async () => {
    const name = await killed('web', 'a');
    const kept = await killed('web', 'b', 'keep');
    const living = await openElsewhere('web', 'c');
    const { adapter, sandboxes } = setUp();
    // The program that lives looks as well, and may be first.
    await until(async () => {
      await sandboxes.cleanup({ mode: 'automatic' });
      return !(await namesOf(adapter)).includes(name);
    }, 'it is removed');
    expect(await namesOf(adapter)).toEqual([kept, living.name]);
    expect(await volumesOf(adapter)).toEqual(['sandbox-project-web']);
    living.child.kill('SIGKILL');
  });

  it('stays for a day where it cannot be told whether somebody else uses it', async () => {
    const name = await killed('web', 'a');
    let now = Date.now();
    const clock = () => ({ now: new Date(now), boot: { bootId: 'b', elapsedMs: now } });
    const { sandboxes } = setUp({ clock }, (plain) => {
      const untold = ({ sessions: _, ...info }: SandboxInfo): SandboxInfo => info;
      return {
        list: async (...call) => (await plain.list(...call)).map(untold),
        inspect: async (...call) => untold(await plain.inspect(...call)),
      };
    });
    const kept = { name, reason: expect.stringContaining('cannot be told') };
    expect(await sandboxes.cleanup()).toMatchObject({ removed: [], kept: [kept] });
    now += 25 * 3_600_000;
    expect((await sandboxes.cleanup()).removed).toEqual([name]);
  });

  it('is made anew for who opens it, and stays where somebody uses it', async () => {
    const name = await killed('web', 'a');
    const { adapter, sandboxes, open } = setUp();
    await until(async () => (await adapter.inspect(name)).sessions === 0, 'nobody uses it');
    const box = await open('web', 'a');
    expect((await box.exec(['cat', 'made'])).stdout).toBe('here\n');
    expect((await adapter.inspect(name)).labels[LABEL.instance]).toContain(`:${process.pid}:`);
    const { child } = await openElsewhere('web', 'b');
    const shared = await open('web', 'b');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await setUp().sandboxes.cleanup({ mode: 'automatic' })).removed).toEqual([]);
    expect((await shared.exec(['cat', 'made'])).stdout).toBe('here\n');
    await Promise.all([box.close(), shared.close()]);
    await until(
      async () => (await sandboxes.cleanup({ mode: 'automatic' })).removed.includes(shared.name),
      'the one of the dead program is removed',
    );
    expect(await namesOf(adapter)).toEqual([name]);
  });
});

describe.runIf(isRoot)('volumes of projects', () => {
  it('are listed with their tasks, and removed without', async () => {
    const { adapter, sandboxes, open } = setUp();
    await open('web', 'b', { user: 'ann' });
    await open('web', 'a', { user: 'ann' });
    await open('shop', 'a');
    await sandboxes.endTask('shop', 'a');
    const { uid } = projectUser('web', undefined);
    expect(await sandboxes.volumes.list({ sizes: true })).toMatchObject([
      { project: 'shop', name: 'sandbox-project-shop', user: null, tasks: [] },
      { project: 'web', runtime: 'reference', user: 'ann', ids: `${uid}:${uid}`, tasks: ['a', 'b'] },
    ]);
    await expect(sandboxes.volumes.remove('web')).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining('2 tasks: a, b'),
      hint: expect.stringContaining('sandbox task end --project web --task a'),
    });
    await expect(sandboxes.volumes.remove('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sandboxes.volumes.remove('a/b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await sandboxes.volumes.remove('shop');
    expect(await volumesOf(adapter)).toEqual(['sandbox-project-web']);
  });

  it('are pruned where they have no tasks, and by nothing else', async () => {
    const { adapter, registry, sandboxes, open } = setUp();
    await open('web', 'a', { keep: true });
    await (await open('shop', 'a')).remove();
    await sandboxes.cleanup({ idleDays: 0 });
    const names = ['sandbox-project-shop', 'sandbox-project-web'];
    expect(await volumesOf(adapter)).toEqual(names);
    const dry = await sandboxes.volumes.prune({ dryRun: true });
    expect(dry.removed.map(({ project }) => project)).toEqual(['shop']);
    expect(await volumesOf(adapter)).toEqual(names);
    expect(await setUp({ scope: 'other' }).sandboxes.volumes.prune()).toMatchObject({
      removed: [],
      kept: [],
    });
    expect(await sandboxes.volumes.prune()).toMatchObject({
      removed: [{ project: 'shop' }],
      kept: [{ project: 'web', tasks: ['a'] }],
      failed: [],
    });
    expect(await volumesOf(adapter)).toEqual(['sandbox-project-web']);
    expect(readdirSync(join(base, 'volumes'))).toEqual(['sandbox-project-web']);
    expect(await registry.list()).toHaveLength(1);
  });

  it('go when all that is ours is to go', async () => {
    const { adapter, sandboxes, open } = setUp();
    for (const task of ['a', 'b']) await open('web', task);
    await sandboxes.endTask('web', 'a');
    expect((await sandboxes.uninstall()).left).toEqual([]);
    expect(await namesOf(adapter)).toEqual([]);
    expect(await volumesOf(adapter)).toEqual([]);
  });

  it('decide where a project’s tasks run, and there is never a second one by accident', async () => {
    const [one, two] = ['one', 'two'].map((runtime) =>
      createPlainAdapter({ directory: join(base, runtime), runtime }),
    ) as [RuntimeAdapter, RuntimeAdapter];
    const sandboxes = createSandboxes({ adapters: [one, two] });
    opened.push(sandboxes);
    const open = (task: string, runtime?: string) =>
      sandboxes.open({ ...{ project: 'web', task, runtime }, policy: relaxed });
    expect((await open('a', 'two')).runtime).toBe('two');
    expect((await open('b')).runtime).toBe('two');
    await expect(open('c', 'one')).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining('at two, not at one'),
    });
    expect(await volumesOf(one)).toEqual([]);
    for (const task of ['a', 'b']) await sandboxes.endTask('web', task);
  });
});
