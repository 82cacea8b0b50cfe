import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createMemoryRegistry,
  createSandboxes,
  LABEL,
  type OpenOptions,
  type RuntimeAdapter,
  type Sandbox,
  type SandboxDetails,
  SandboxError,
  type Sandboxes,
  type SandboxesOptions,
  type SandboxRecord,
} from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';
import { isAlive, until } from './support/processes.ts';

let base: string;
let workspace: string;
const opened: Sandboxes[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'long-lived-'));
  workspace = mkdtempSync(join(tmpdir(), 'workspace-'));
});
afterEach(async () => {
  const left = createPlainAdapter({ directory: base });
  for (const { name } of await left.list({})) await left.remove(name, { volumes: true });
  await Promise.all(opened.splice(0).map((sandboxes) => sandboxes.close()));
  rmSync(base, { recursive: true, force: true });
  rmSync(workspace, { recursive: true, force: true });
});

/** The plain adapter mounts nothing, so nothing is asked to be mounted. */
function options(more: Partial<OpenOptions> = {}): OpenOptions {
  return { workspace, ...more, policy: { workspaceAccess: 'none', ...more.policy } };
}

function setUp(
  overrides: (adapter: RuntimeAdapter) => Partial<RuntimeAdapter> = () => ({}),
  more: Partial<SandboxesOptions> = {},
) {
  const plain = createPlainAdapter({ directory: base });
  const adapter = { ...plain, ...overrides(plain) };
  const registry = createMemoryRegistry();
  const sandboxes = createSandboxes({ adapter, registry, ...more });
  opened.push(sandboxes);
  return { adapter, registry, sandboxes };
}

/** A runtime that is installed and does not answer, or is not there. */
function unwell(status: 'unhealthy' | 'undetected'): RuntimeAdapter {
  const plain = createPlainAdapter({ directory: base });
  const probe = { status, message: 'the engine hangs', remedy: 'start it again' };
  return { ...plain, probe: async () => ({ ...probe, capabilities: plain.capabilities }) };
}

describe('open', () => {
  it('makes one, finds it again, and keeps it when the handle is closed', async () => {
    const { sandboxes, registry } = setUp();
    let name: string;
    {
      await using box = await sandboxes.open(options());
      name = box.name;
      expect(box.lifecycle).toBe('long-lived');
      expect((await box.exec(['sh', '-c', 'echo kept > "$HOME/file"'])).exitCode).toBe(0);
    }
    const other = setUp().sandboxes;
    await using again = await other.open(options());
    expect(again.name).toBe(name);
    expect((await again.exec(['sh', '-c', 'cat "$HOME/file"'])).stdout).toBe('kept\n');
    expect((await registry.get(name))?.lifecycle).toBe('long-lived');
    expect(await other.list()).toHaveLength(1);
  });

  it('takes nothing from who was faster when it is given up half way', async () => {
    const giveUp = new AbortController();
    const faster = setUp().sandboxes;
    const { sandboxes } = setUp(() => ({
      async create() {
        await using box = await faster.open(options());
        expect((await box.exec(['true'])).exitCode).toBe(0);
        giveUp.abort();
        throw new SandboxError('DEADLINE_EXCEEDED', 'create was aborted');
      },
    }));
    await expect(sandboxes.open(options({ signal: giveUp.signal }))).rejects.toThrow();
    expect(await faster.list()).toMatchObject([{ state: 'running' }]);
  });

  it('gives twenty who ask at the same moment one sandbox', async () => {
    // Each program has a manager and a registry of its own, as separate processes do.
    const programs = Array.from({ length: 20 }, () => setUp().sandboxes);
    const boxes = await Promise.all(programs.map((sandboxes) => sandboxes.open(options())));
    expect(new Set(boxes.map(({ name }) => name)).size).toBe(1);
    const outputs = await Promise.all(boxes.map((box, index) => box.exec(['echo', String(index)])));
    expect(outputs.map(({ stdout }) => stdout)).toEqual(boxes.map((_, index) => `${index}\n`));
    expect(await programs[0]?.list()).toHaveLength(1);
  });

  it('gives twenty of one program one sandbox too', async () => {
    const { sandboxes } = setUp();
    const boxes = await Promise.all(Array.from({ length: 20 }, () => sandboxes.open(options())));
    expect(new Set(boxes.map(({ name }) => name)).size).toBe(1);
    await boxes[0]?.close();
    expect((await boxes[1]?.exec(['true']))?.exitCode).toBe(0);
  });

  it('keeps nobody waiting who gives up while another one of the program opens it', async () => {
    const { promise: goOn, resolve } = Promise.withResolvers<void>();
    const { sandboxes } = setUp((adapter) => ({
      ...adapter,
      async create(spec, call) {
        await goOn;
        return adapter.create(spec, call);
      },
    }));
    const first = sandboxes.open(options());
    const giveUp = new AbortController();
    const second = sandboxes.open(options({ signal: giveUp.signal }));
    const third = sandboxes.open(options());
    giveUp.abort();
    await expect(second).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', operation: 'open' });
    resolve();
    expect((await third).name).toBe((await first).name);
  });

  it('starts one that was stopped, by us or behind our back', async () => {
    const { sandboxes, adapter } = setUp();
    const box = await sandboxes.open(options());
    await box.stop();
    expect((await box.inspect()).state).toBe('stopped');
    await expect(box.exec(['true'])).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await box.start();
    expect((await box.exec(['true'])).exitCode).toBe(0);
    await box.kill();
    const again = await sandboxes.open(options());
    expect((await again.exec(['true'])).exitCode).toBe(0);
    // As when the engine was started again.
    await adapter.stop(box.name);
    await until(async () => (await again.exec(['true']).catch(() => null))?.exitCode === 0, 'it runs again');
    expect((await again.inspect()).state).toBe('running');
  });

  it('opens another session when one was lost', async () => {
    const { sandboxes } = setUp();
    const box = await sandboxes.open(options());
    const other = await sandboxes.open(options());
    const elsewhere = await other.spawn(['sleep', '100']);
    const command = await box.spawn(['sleep', '100']);
    const pid = (await command.pid) as number;
    process.kill(await agentOf(pid), 'SIGKILL');
    expect(await command.wait()).toMatchObject({ ending: 'lost', exitCode: null });
    expect((await box.exec(['echo', 'hi'])).stdout).toBe('hi\n');
    expect(isAlive((await elsewhere.pid) as number)).toBe(true);
    await elsewhere.kill();
    // Nobody is left who could have ended it: that is what `lost` means.
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });

  it('opens one session for many commands at once', async () => {
    let execs = 0;
    const { sandboxes } = setUp((adapter) => ({
      exec: (...call) => {
        execs += 1;
        return adapter.exec(...call);
      },
    }));
    const box = await sandboxes.open(options());
    expect(execs).toBe(1);
    await box.stop();
    await box.start();
    await Promise.all(Array.from({ length: 20 }, () => box.exec(['true'])));
    expect(execs).toBe(2);
  });

  it('leaves an opening to others when one gives up', async () => {
    const gate = Promise.withResolvers<void>();
    let slow = false;
    const { sandboxes } = setUp((adapter) => ({
      async exec(...call) {
        if (slow) await gate.promise;
        return adapter.exec(...call);
      },
    }));
    const box = await sandboxes.open(options());
    await box.stop();
    await box.start();
    slow = true;
    const controller = new AbortController();
    const given = box.exec(['true'], { signal: controller.signal });
    const patient = box.exec(['echo', 'hi']);
    controller.abort();
    await expect(given).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    gate.resolve();
    expect((await patient).stdout).toBe('hi\n');
  });
});

describe('a sandbox that is there', () => {
  it('is refused to a stricter request, and kept for a looser one with a warning', async () => {
    const { sandboxes } = setUp();
    await sandboxes.open(options({ policy: { openFiles: 1000 } }));
    await expect(sandboxes.open(options({ policy: { openFiles: 500 } }))).rejects.toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', hint: expect.stringContaining('--recreate') },
    });
    const looser = await sandboxes.open(options({ policy: { openFiles: 2000 } }));
    expect(looser.warnings).toContainEqual(expect.stringContaining('openFiles 1000 instead of 2000'));
    expect((await looser.exec(['sh', '-c', 'ulimit -n'])).stdout).toBe('1000\n');
  });

  it('is made again when told to, with its home', async () => {
    const { sandboxes } = setUp();
    const before = await sandboxes.open(options({ policy: { openFiles: 1000 } }));
    await before.exec(['sh', '-c', 'echo kept > "$HOME/file"']);
    const after = await sandboxes.open(options({ recreate: true, policy: { openFiles: 500 } }));
    expect((await after.exec(['sh', '-c', 'ulimit -n; cat "$HOME/file"'])).stdout).toBe('500\nkept\n');
  });

  it('is made again where it is, and not at all where that cannot be', async () => {
    const first = createPlainAdapter({ runtime: 'first', directory: join(base, 'first') });
    const second = createPlainAdapter({ directory: base });
    const both = createSandboxes({ adapters: [first, second] });
    opened.push(both);
    const before = await both.open(options({ runtime: 'reference' }));
    await before.exec(['sh', '-c', 'echo kept > "$HOME/file"']);
    const again = await both.open(options({ recreate: true }));
    expect(again.runtime).toBe('reference');
    expect((await again.exec(['cat', 'file'])).stdout).toBe('kept\n');
    const refused = both.open(options({ recreate: true, policy: { memoryBytes: 2 ** 28 } }));
    await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED', runtime: 'reference' });
    expect((await again.exec(['echo', 'as before'])).stdout).toBe('as before\n');
    expect(await first.list({})).toEqual([]);
  });

  it("is refused when it is another user's, or at another runtime", async () => {
    const { sandboxes } = setUp();
    await sandboxes.open(options({ user: 'alice' }));
    for (const user of ['bob', undefined]) {
      await expect(sandboxes.open(options({ user }))).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    }
    const { name } = await sandboxes.open(options({ user: 'alice' }));
    expect(name).toMatch(/^sandbox-workspace-/);
    await expect(sandboxes.get(name, { user: 'bob' })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect((await sandboxes.get(name, { user: 'alice' })).name).toBe(name);
    const second = createPlainAdapter({ runtime: 'second', directory: join(base, 'second') });
    const both = createSandboxes({ adapters: [second, createPlainAdapter({ directory: base })] });
    opened.push(both);
    expect((await both.open(options({ user: 'alice' }))).runtime).toBe('reference');
    await expect(both.open(options({ user: 'alice', runtime: 'second' }))).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  it.each(['UNAVAILABLE', 'DEADLINE_EXCEEDED'] as const)(
    'is not made a second time elsewhere while its runtime is %s, unless the caller insists',
    async (code) => {
      const registry = createMemoryRegistry();
      const up = createPlainAdapter({ directory: base });
      const down = {
        ...up,
        inspect: async () => {
          throw new SandboxError(code, 'the engine is down');
        },
      };
      const second = createPlainAdapter({ runtime: 'second', directory: join(base, 'second') });
      const first = createSandboxes({ adapter: up, registry });
      const both = createSandboxes({ adapters: [down, second], registry });
      opened.push(first, both);
      await first.open(options());
      await expect(both.open(options())).rejects.toMatchObject({
        ...{ code, runtime: 'reference', hint: expect.stringContaining('--runtime') },
      });
      expect(await second.list({})).toEqual([]);
      expect((await both.open(options({ runtime: 'second' }))).runtime).toBe('second');
    },
  );

  it('is made with a warning where a runtime that may have it cannot be asked', async () => {
    const second = createPlainAdapter({ runtime: 'second', directory: base });
    const both = createSandboxes({ adapters: [unwell('unhealthy'), second] });
    opened.push(both);
    const box = await both.open(options());
    expect(box.runtime).toBe('second');
    expect(box.warnings).toContainEqual(expect.stringMatching(/^reference could not be asked .* hangs$/));
    const missing = createSandboxes({ adapters: [unwell('undetected'), second] });
    opened.push(missing);
    await box.remove();
    const other = await missing.open(options());
    expect(other.warnings).not.toContainEqual(expect.stringContaining('could not be asked'));
    await other.remove();
  });

  it('is perhaps there while one of several runtimes cannot be asked', async () => {
    const second = createPlainAdapter({ runtime: 'second', directory: base });
    const [both, missing] = (['unhealthy', 'undetected'] as const).map((status) =>
      createSandboxes({ adapters: [unwell(status), second] }),
    ) as [Sandboxes, Sandboxes];
    opened.push(both, missing);
    const { name } = await both.open(options());
    expect((await both.get(name)).runtime).toBe('second');
    await expect(both.get('sandbox-other')).rejects.toMatchObject({
      ...{ code: 'UNAVAILABLE', runtime: 'reference', sandbox: 'sandbox-other', hint: 'start it again' },
      message: expect.stringContaining('the engine hangs'),
    });
    await expect(missing.get('sandbox-other')).rejects.toMatchObject({
      ...{ code: 'NOT_FOUND', hint: expect.stringMatching(/Not asked, .*: reference\.$/) },
    });
    await expect(both.list()).rejects.toMatchObject({ code: 'UNAVAILABLE', runtime: 'reference' });
    const unavailable: (string | undefined)[] = [];
    const list = await both.list({ onUnavailable: ({ runtime }) => unavailable.push(runtime) });
    expect([list.map((details) => details.name), unavailable]).toEqual([[name], ['reference']]);
    expect(await missing.list()).toHaveLength(1);
    await (await both.get(name)).remove();
  });

  it('runs commands with the environment of each request', async () => {
    const { sandboxes } = setUp();
    await sandboxes.open(options({ policy: { env: { A: '1' } } }));
    const again = await sandboxes.open(options({ policy: { env: { B: '2' } }, workdir: '/usr' }));
    expect((await again.exec(['sh', '-c', 'echo $A$B; pwd'])).stdout).toBe('12\n/usr\n');
  });

  it('is waited for while a program that lives is making it', async () => {
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const slow = setUp((adapter) => ({
      start: (async (...call: Parameters<RuntimeAdapter['start']>) => {
        started.resolve();
        await gate.promise;
        return adapter.start(...(call as [string]));
      }) as RuntimeAdapter['start'],
    }));
    const first = slow.sandboxes.open(options());
    await started.promise;
    const child = openElsewhere();
    const ended = once(child, 'exit');
    // It looks again and again, and takes nothing.
    let looks = 0;
    child.stdout?.on('data', (text) => {
      looks += String(text).length;
    });
    await until(() => looks >= 5 || child.exitCode !== null, 'the other program looks', 30_000);
    expect(child.exitCode).toBeNull();
    const [made, ...others] = await slow.adapter.list({});
    expect([made?.state, others]).toEqual(['created', []]);
    expect(made?.labels[LABEL.instance]).toContain(`:${process.pid}:`);
    gate.resolve();
    await first;
    expect(await ended).toEqual([0, null]);
  });

  it('counts as used from when it first ran, and before anything of it is done again', async () => {
    const { sandboxes, registry } = setUp();
    const box = await sandboxes.open(options());
    const { createdAt, lastUsedAt } = (await registry.get(box.name)) as SandboxRecord;
    expect(lastUsedAt.getTime()).toBeGreaterThan(createdAt.getTime());
    await box.stop();
    await box.close();
    await registry.condemn(box.name);
    const seen: unknown[] = [];
    const watched = (adapter: RuntimeAdapter) => ({
      start: (async (...call: [string]) => {
        seen.push(await registry.get(box.name));
        return adapter.start(...call);
      }) as RuntimeAdapter['start'],
    });
    await setUp(watched, { registry }).sandboxes.open(options());
    expect(seen).toEqual([expect.not.objectContaining({ condemned: true })]);
  });

  it('is made again where a program has died before it ran', async () => {
    const child = openElsewhere('dies');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    const { sandboxes, adapter } = setUp();
    expect(await adapter.list({})).toMatchObject([{ state: 'created' }]);
    const box = await sandboxes.open(options());
    expect((await box.inspect()).labels[LABEL.instance]).toContain(`:${process.pid}:`);
    expect((await box.exec(['echo', 'hi'])).stdout).toBe('hi\n');
  });

  it('is started, and not made again, where it was used and its engine says that it never ran', async () => {
    const { sandboxes, adapter, registry } = setUp();
    const before = await sandboxes.open(options());
    await before.close();
    await adapter.stop(before.name);
    let forgetful = true;
    const removed: string[] = [];
    const again = setUp(
      (plain) =>
        ({
          async inspect(name, call) {
            const info = await plain.inspect(name, call);
            return forgetful ? { ...info, state: 'created' } : info;
          },
          async start(name: string) {
            forgetful = false;
            return plain.start(name);
          },
          async remove(name, call) {
            removed.push(name);
            await plain.remove(name, call);
          },
        }) as Partial<RuntimeAdapter>,
      { registry },
    );
    const box = await again.sandboxes.open(options());
    expect((await box.exec(['echo', 'hi'])).stdout).toBe('hi\n');
    expect(removed).toEqual([]);
  });

  it('is made again when somebody removes it between the look and its use', async () => {
    const { sandboxes } = setUp();
    await (await sandboxes.open(options())).close();
    let removals = 0;
    const raced = setUp((adapter) => ({
      async inspect(name, call) {
        if (call?.spec !== undefined && removals++ === 0) await adapter.remove(name);
        return adapter.inspect(name, call);
      },
    }));
    const box = await raced.sandboxes.open(options());
    expect((await box.exec(['echo', 'hi'])).stdout).toBe('hi\n');
    expect(removals).toBeGreaterThan(0);
  });

  it('removes what it made when it cannot be started, and keeps a home that is older', async () => {
    const { sandboxes, adapter, registry } = setUp();
    const box = await sandboxes.open(options());
    await box.exec(['sh', '-c', 'echo kept > "$HOME/file"']);
    const broken = setUp((plain) => ({
      start: async () => {
        throw new SandboxError('UNKNOWN', 'it broke');
      },
      remove: plain.remove,
    }));
    await expect(broken.sandboxes.open(options({ recreate: true }))).rejects.toMatchObject({
      message: 'it broke',
    });
    expect(await adapter.list({})).toEqual([]);
    expect(await broken.registry.list()).toEqual([]);
    expect(await registry.list()).toHaveLength(1);
    const again = await sandboxes.open(options());
    expect((await again.exec(['sh', '-c', 'cat "$HOME/file"'])).stdout).toBe('kept\n');
  });
});

describe('one that somebody else has made meanwhile', () => {
  it('stays when this one could not be made', async () => {
    const first = setUp();
    const boxes: Sandbox[] = [];
    const second = setUp(() => ({
      async create() {
        boxes.push(await first.sandboxes.open(options()));
        throw new SandboxError('UNSUPPORTED', 'not here');
      },
    }));
    await expect(second.sandboxes.open(options())).rejects.toMatchObject({ message: 'not here' });
    expect((await boxes[0]?.exec(['echo', 'hi']))?.stdout).toBe('hi\n');
    expect(await first.adapter.list({})).toMatchObject([{ state: 'running' }]);
  });

  it('is opened, and not removed for the half made one that was seen before', async () => {
    expect(await once(openElsewhere('dies'), 'exit')).toEqual([null, 'SIGKILL']);
    const first = setUp();
    let made: SandboxDetails | undefined;
    const late = setUp((adapter) => ({
      async inspect(...call) {
        const seen = await adapter.inspect(...call);
        made ??= await (await first.sandboxes.open(options())).inspect();
        return seen;
      },
    }));
    const second = await late.sandboxes.open(options());
    expect((await second.inspect()).labels).toEqual(made?.labels);
  });
});

describe('a runtime that cannot keep a sandbox', () => {
  const unable = (adapter: RuntimeAdapter): Partial<RuntimeAdapter> => ({
    async probe(call) {
      const result = await adapter.probe(call);
      const { capabilities } = result;
      const facets = { ...capabilities.facets, 'long-lived': { support: 'unsupported' as const, how: 'no' } };
      return { ...result, capabilities: { ...capabilities, facets } };
    },
  });

  it('gives an ephemeral one with a warning, unless asked for', async () => {
    const { sandboxes, adapter } = setUp(unable);
    {
      await using box = await sandboxes.open(options());
      expect(box.lifecycle).toBe('ephemeral');
      expect(box.warnings).toContainEqual(expect.stringContaining('cannot keep'));
    }
    expect(await adapter.list({})).toEqual([]);
    await expect(sandboxes.open(options({ lifecycle: 'long-lived' }))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});

it('a workspace that cannot be one is told before a runtime that cannot be used', async () => {
  const probe = async () => {
    throw new SandboxError('UNAVAILABLE', 'the engine hangs');
  };
  const { sandboxes } = setUp(() => ({ probe }));
  for (const path of ['/proc', '/no/such'])
    await expect(sandboxes.run(['true'], { workspace: path })).rejects.toMatchObject({
      message: expect.stringContaining(path),
    });
});

describe('the workspaces that have a sandbox', () => {
  it('are those that are recorded, also where the runtime is down, and else those that runtimes have', async () => {
    const { sandboxes, registry } = setUp();
    expect(await sandboxes.workspaces()).toEqual([]);
    await sandboxes.open(options());
    await sandboxes.create({ policy: { workspaceAccess: 'none' }, start: false });
    expect(await sandboxes.workspaces()).toEqual([realpathSync(workspace)]);
    expect(await setUp().sandboxes.workspaces()).toEqual([realpathSync(workspace)]);
    const down = createSandboxes({ adapter: unwell('unhealthy'), registry });
    opened.push(down);
    expect(await down.workspaces()).toEqual([realpathSync(workspace)]);
  });
});

describe('the workspace', () => {
  it('must be there, and be fit for one', async () => {
    const { sandboxes } = setUp();
    await expect(sandboxes.open(options({ workspace: join(base, 'none') }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(sandboxes.open(options({ workspace: 'relative' }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(sandboxes.open(options({ workspace: '/' }))).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  it('must be the one that the guest has', async () => {
    chownSync(workspace, process.getuid?.() || 1000, process.getgid?.() || 1000);
    const { sandboxes, adapter, registry } = setUp();
    await expect(sandboxes.open({ workspace })).rejects.toMatchObject({ operation: 'start' });
    expect(await adapter.list({})).toEqual([]);
    expect(await registry.list()).toEqual([]);
  });

  it.runIf(process.getuid?.() === 0)(
    'is looked at again by its own user before another one enters what was started again',
    async () => {
      const entered: (number | undefined)[] = [];
      const { sandboxes, adapter } = setUp((plain) => ({
        async exec(name, request, call) {
          const session = await plain.exec(name, request, call);
          entered.push(request.user?.uid);
          return session;
        },
      }));
      const box = await sandboxes.open(options());
      const user = '65534:65534';
      await box.exec(['true'], { user });
      for (const handle of [box, await sandboxes.get(box.name)]) {
        await handle.exec(['true']);
        await adapter.stop(box.name);
        entered.length = 0;
        expect((await handle.exec(['id', '-u'], { user })).stdout).toBe('65534\n');
        expect(entered.toSorted()).toEqual([65534, undefined]);
      }
    },
  );
});

/** Opens the same workspace in a program of its own, runs `true`, and exits with its exit code. */
function openElsewhere(...how: string[]): ChildProcess {
  return spawn(
    process.execPath,
    [join(import.meta.dirname, 'support', 'open-elsewhere.ts'), base, workspace, ...how],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
}

async function agentOf(pid: number): Promise<number> {
  const { readFileSync } = await import('node:fs');
  const parent = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
  return parent === process.pid ? pid : agentOf(parent);
}
