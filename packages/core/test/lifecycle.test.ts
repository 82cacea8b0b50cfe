import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createMemoryRegistry,
  createSandboxes,
  LABEL,
  type RuntimeAdapter,
  SandboxError,
} from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';
import { isAlive, until } from './support/processes.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lifecycle-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function setUp(overrides: (adapter: RuntimeAdapter) => Partial<RuntimeAdapter> = () => ({})) {
  const plain = createPlainAdapter({ directory });
  const adapter = { ...plain, ...overrides(plain) };
  const registry = createMemoryRegistry();
  const sandboxes = createSandboxes({ adapter, registry, scope: 'test' });
  const leftovers = async () => [await plain.list({}), await registry.list()];
  return { adapter, registry, sandboxes, leftovers };
}

describe('run', () => {
  it('tells all about it and leaves nothing behind', async () => {
    const { sandboxes, leftovers } = setUp();
    const result = await sandboxes.run(['sh', '-c', 'echo hi; exit 3']);
    expect(result).toMatchObject({
      ...{ ending: 'exited', exitCode: 3, stdout: 'hi\n', runtime: 'reference' },
      enforcement: { 'open-files': { status: 'enforced' }, memory: { status: 'unsupported' } },
      warnings: [expect.stringContaining('goes without')],
    });
    expect(result.sandbox).toMatch(/^sandbox-run-/);
    expect(await leftovers()).toEqual([[], []]);
    await sandboxes.close();
  });

  it('finds a wrong argument before anything is made', async () => {
    const { sandboxes, registry } = setUp((adapter) => ({
      create: () => expect.unreachable('made'),
      remove: adapter.remove,
    }));
    for (const attempt of [
      () => sandboxes.run('ls' as never),
      () => sandboxes.run([]),
      () => sandboxes.run(['ls'], { maxOutputBytes: -1 }),
      () => sandboxes.run(['ls'], { policy: { memoryBytes: -1 } }),
      () => sandboxes.run(['ls'], { timeoutMs: 0 }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await expect(sandboxes.run(['ls'], { runtime: 'nope' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await registry.list()).toEqual([]);
  });

  it('takes the host’s programs for an image that the runtime cannot have, if they are there', async () => {
    const { sandboxes, leftovers } = setUp();
    const image = 'some:1';
    const run = (programs?: readonly string[]) => sandboxes.run(['sh', '-c', 'echo hi'], { image, programs });
    expect(await run(['sh', 'cat'])).toMatchObject({ exitCode: 0, stdout: 'hi\n' });
    await expect(run()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(run(['sh', 'no-such-program', '../../nor-this'])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: 'reference has no images, and this host has no no-such-program, ../../nor-this',
    });
    expect(await leftovers()).toEqual([[], []]);
    await sandboxes.close();
  });

  it('refuses what the runtime cannot enforce, by name', async () => {
    const { sandboxes } = setUp();
    const asked = sandboxes.run(['true'], { policy: { memoryBytes: 100_000_000 } });
    await expect(asked).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('memory'),
    });
    const policy = { memoryBytes: 100_000_000, bestEffort: ['memory'] as const };
    expect((await sandboxes.run(['true'], { policy })).exitCode).toBe(0);
  });

  it('returns the result with a warning when the sandbox could not be removed', async () => {
    let broken = true;
    const { sandboxes, leftovers } = setUp((adapter) => ({
      async remove(name, options) {
        if (broken) throw new SandboxError('UNAVAILABLE', 'the engine is gone');
        await adapter.remove(name, options);
      },
    }));
    const result = await sandboxes.run(['echo', 'hi']);
    expect(result.stdout).toBe('hi\n');
    expect(result.warnings.at(-1)).toContain('could not be removed');
    broken = false;
    await sandboxes.close();
    expect(await leftovers()).toEqual([[], []]);
  });
});

describe('a failure on the way', () => {
  const steps = ['create', 'start'] as const;

  it.each(steps)('in %s removes what was made and its record', async (step) => {
    const { sandboxes, leftovers } = setUp((adapter) => ({
      [step]: async (...call: never[]) => {
        await (adapter[step] as (...call: never[]) => Promise<unknown>)(...call);
        throw new SandboxError('UNKNOWN', 'it broke', { hint: 'mine' });
      },
    }));
    await expect(sandboxes.run(['true'])).rejects.toMatchObject({
      ...{ code: 'UNKNOWN', message: 'it broke', operation: step, runtime: 'reference', hint: 'mine' },
      sandbox: expect.stringMatching(/^sandbox-run-/),
    });
    expect(await leftovers()).toEqual([[], []]);
  });

  it.each(steps)('an abort in %s does so too', async (step) => {
    const controller = new AbortController();
    const { sandboxes, leftovers } = setUp((adapter) => ({
      [step]: async (...call: never[]) => {
        const result = await (adapter[step] as (...call: never[]) => Promise<unknown>)(...call);
        controller.abort(new Error('enough'));
        return result;
      },
    }));
    const running = sandboxes.run(['true'], { signal: controller.signal });
    await expect(running).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', cause: { message: 'enough' } });
    expect(await leftovers()).toEqual([[], []]);
  });

  it('an abort in the probe makes nothing', async () => {
    const controller = new AbortController();
    const { sandboxes, leftovers } = setUp(() => ({
      probe: () => {
        setImmediate(() => controller.abort());
        return new Promise<never>(() => {});
      },
    }));
    const running = sandboxes.run(['true'], { signal: controller.signal });
    await expect(running).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await leftovers()).toEqual([[], []]);
  });

  it('an abort in the search for an image says who wanted it', async () => {
    const controller = new AbortController();
    const { sandboxes } = setUp(() => ({
      images: {
        inspect: async () => {
          controller.abort(new Error('enough'));
          throw new SandboxError('DEADLINE_EXCEEDED', 'images.inspect was aborted', {
            operation: 'images.inspect',
          });
        },
      } as never,
    }));
    await expect(sandboxes.run(['true'], { signal: controller.signal })).rejects.toMatchObject({
      ...{ code: 'DEADLINE_EXCEEDED', operation: 'run', cause: { message: 'enough' } },
    });
  });

  it('an abort under check is told with its result', async () => {
    const { sandboxes } = setUp();
    const controller = new AbortController();
    const running = sandboxes.run(['sh', '-c', 'echo begun; sleep 100'], {
      ...{ signal: controller.signal, check: true, onStdout: () => controller.abort() },
    });
    await expect(running).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', result: { ending: 'aborted' } });
  });

  it('an abort in mid-command is a result, and leaves nothing', async () => {
    const { sandboxes, leftovers } = setUp();
    const controller = new AbortController();
    const result = await sandboxes.run(['sh', '-c', 'echo begun; sleep 100'], {
      signal: controller.signal,
      onStdout: () => controller.abort(),
    });
    expect(result).toMatchObject({ ending: 'aborted', stdout: 'begun\n', exitCode: null });
    expect(await leftovers()).toEqual([[], []]);
  });

  it('a limit that the runtime dropped in silence is one', async () => {
    const { sandboxes, leftovers } = setUp((adapter) => ({
      async create(spec, options) {
        const { info, readback } = await adapter.create(spec, options);
        const lying = readback.map((row) =>
          row.control === 'open-files' ? { ...row, effective: 1_000_000 } : row,
        );
        return { info, readback: lying };
      },
    }));
    const running = sandboxes.run(['true'], { policy: { openFiles: 100 } });
    await expect(running).rejects.toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', message: expect.stringContaining('open-files') },
    });
    expect(await leftovers()).toEqual([[], []]);
  });

  it('a guest that is not who it should be is one', async () => {
    const { sandboxes, leftovers } = setUp((adapter) => ({
      create: (spec, options) => adapter.create({ ...spec, user: { ...spec.user, uid: 1234 } }, options),
    }));
    await expect(sandboxes.run(['true'])).rejects.toMatchObject({ message: expect.stringContaining('user') });
    expect(await leftovers()).toEqual([[], []]);
  });

  it('what speaks no protocol is one, and what it said is shown', async () => {
    const { sandboxes, leftovers } = setUp((adapter) => ({
      create: (spec, options) =>
        adapter.create({ ...spec, argv: ['/bin/echo', 'exec format error'] }, options),
    }));
    await expect(sandboxes.run(['true'])).rejects.toMatchObject({
      message: expect.stringContaining('exec format error'),
    });
    expect(await leftovers()).toEqual([[], []]);
  });
});

describe('create', () => {
  it('lives a life by hand: create, start, exec, remove', async () => {
    const { sandboxes, leftovers } = setUp();
    const box = await sandboxes.create({ start: false });
    expect((await box.inspect()).state).toBe('created');
    await expect(box.exec(['true'])).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      hint: expect.stringContaining('start()'),
    });
    await Promise.all([box.start(), box.start()]);
    await box.start();
    expect((await box.inspect()).state).toBe('running');
    expect((await box.exec(['echo', 'hi'])).stdout).toBe('hi\n');
    await box.remove();
    await box.remove();
    expect(await leftovers()).toEqual([[], []]);
    await expect(box.exec(['true'])).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await expect(box.inspect()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is removed when it is disposed of, stopped or killed', async () => {
    const { sandboxes, leftovers } = setUp();
    {
      await using box = await sandboxes.create();
      expect((await box.exec(['true'])).exitCode).toBe(0);
    }
    for (const end of ['stop', 'kill', 'close'] as const) {
      const box = await sandboxes.create();
      const running = box.exec(['sleep', '100']);
      await until(async () => ((await box.inspect()).sessions ?? 1) >= 0, 'it runs');
      await box[end]();
      expect(['lost', 'signaled']).toContain((await running).ending);
    }
    expect(await leftovers()).toEqual([[], []]);
  });

  it('stops its commands with a TERM first', async () => {
    const { sandboxes } = setUp();
    const box = await sandboxes.create();
    const ready = Promise.withResolvers<void>();
    const running = box.exec(
      ['sh', '-c', 'trap "echo bye; exit 4" TERM; echo ready; while :; do sleep 0.05; done'],
      {
        onStdout: () => ready.resolve(),
      },
    );
    await ready.promise;
    await box.stop({ graceMs: 5000 });
    expect(await running).toMatchObject({ ending: 'exited', exitCode: 4, stdout: 'ready\nbye\n' });
  });

  it('ends its commands as lost when the agent is killed, and is then gone', async () => {
    const { sandboxes, leftovers } = setUp();
    const box = await sandboxes.create();
    const command = await box.spawn(['sh', '-c', 'echo $PPID; sleep 100']);
    const pid = (await command.pid) as number;
    const agent = await agentOf(pid);
    process.kill(agent, 'SIGKILL');
    expect(await command.wait()).toMatchObject({ ending: 'lost', exitCode: null, signal: null });
    await until(() => !isAlive(pid), 'its commands are dead');
    await expect(box.exec(['true'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await box.remove();
    expect(await leftovers()).toEqual([[], []]);
  });

  it('is found by its name in any state', async () => {
    const { sandboxes } = setUp((plain) => ({
      // An engine's builder puts an image's labels on its containers.
      async list(...call) {
        const labels = { [LABEL.managed]: 'true', [LABEL.scope]: 'test', [LABEL.build]: '0123456789abcdef' };
        return [...(await plain.list(...call)), { name: 'cool_mendeleev', state: 'running', labels }];
      },
    }));
    const box = await sandboxes.create({
      start: false,
      labels: { 'com.example.team': 'blue' },
      user: 'alice',
    });
    const found = await sandboxes.get(box.name);
    expect(await found.inspect()).toMatchObject({
      ...{ name: box.name, state: 'created', lifecycle: 'ephemeral', user: 'alice', runtime: 'reference' },
      labels: { 'com.example.team': 'blue' },
    });
    expect((await sandboxes.list()).map(({ name }) => name)).toEqual([box.name]);
    await found.start();
    expect((await found.exec(['echo', 'hi'])).stdout).toBe('hi\n');
    await found.remove();
    expect(await sandboxes.list()).toEqual([]);
    await expect(sandboxes.get(box.name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(sandboxes.get('../x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('is inspected from elsewhere as the runtime reads it back, also where that is not what was made', async () => {
    const { sandboxes, adapter } = setUp((plain) => ({
      async inspect(name, options) {
        const readback = [
          { control: 'open-files', status: 'enforced', effective: 5000, how: 'asked now' },
          {
            control: 'user',
            status: 'enforced',
            effective: options?.spec?.user.uid ?? null,
            how: 'asked now',
          },
        ] as const;
        return { ...(await plain.inspect(name)), ...(options?.spec && { readback }) };
      },
    }));
    await using box = await sandboxes.create({ policy: { openFiles: 2000, user: '1000:1000' } });
    const elsewhere = createSandboxes({ adapter, scope: 'test' });
    const found = await elsewhere.get(box.name);
    const details = await found.inspect();
    expect(details.enforcement).toMatchObject({
      'open-files': { requested: 2000, effective: 5000, status: 'limited', how: 'asked now' },
      user: { effective: 1000, how: 'asked now' },
    });
    expect(details).not.toHaveProperty('readback');
    expect(found.warnings).toContainEqual(expect.stringContaining('open-files is 5000 instead of 2000'));
    expect((await box.inspect()).enforcement['open-files']).toMatchObject({ effective: 2000 });
  });

  it('is found, inspected and removed in a state that it cannot be used in', async () => {
    const { sandboxes, adapter, leftovers } = setUp((plain) => ({
      inspect: async (name) => ({ ...(await plain.inspect(name)), state: 'paused' }),
    }));
    const { name } = await sandboxes.create();
    const elsewhere = createSandboxes({ adapter, scope: 'test' });
    const box = await elsewhere.get(name);
    expect((await box.inspect()).state).toBe('paused');
    for (const use of [() => box.exec(['true']), () => box.start()]) {
      await expect(use()).rejects.toMatchObject({
        ...{ code: 'FAILED_PRECONDITION', message: 'the sandbox is paused' },
        hint: expect.stringContaining(`sandbox rm ${name}`),
      });
    }
    await box.remove();
    await sandboxes.close();
    expect(await leftovers()).toEqual([[], []]);
  });

  it('is not seen from another scope', async () => {
    const { sandboxes, adapter } = setUp();
    await using box = await sandboxes.create();
    const other = createSandboxes({ adapter, scope: 'other' });
    expect(await other.list()).toEqual([]);
    await expect(other.get(box.name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is nobody’s sandbox where it only has the name of one', async () => {
    const { sandboxes } = setUp((adapter) => ({
      async inspect(name) {
        const { [LABEL.managed]: _, ...labels } = (await adapter.inspect(name)).labels;
        return { name, state: 'running', labels };
      },
    }));
    await using box = await sandboxes.create();
    await expect(sandboxes.get(box.name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('has statistics', async () => {
    const { sandboxes } = setUp((adapter) => ({ stats: adapter.stats }));
    await using box = await sandboxes.create();
    expect((await box.stats()).memoryBytes).toBeGreaterThan(0);
  });
});

describe('close', () => {
  it('removes what is ephemeral, also what is on its way, and refuses more', async () => {
    const { sandboxes, leftovers } = setUp();
    await sandboxes.create();
    await sandboxes.create({ start: false });
    const running = sandboxes.run(['sleep', '100']);
    running.catch(() => {});
    const creating = sandboxes.create();
    creating.catch(() => {});
    await until(async () => (await sandboxes.list()).length >= 3, 'they are there');
    await Promise.all([sandboxes.close(), sandboxes.close()]);
    expect(await leftovers()).toEqual([[], []]);
    await expect(sandboxes.run(['true'])).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await Promise.allSettled([running, creating]);
    expect(existsSync(directory)).toBe(true);
  });
});

describe('twenty at once', () => {
  it('all work and all go', async () => {
    const { sandboxes, leftovers } = setUp();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => sandboxes.run(['echo', String(index)])),
    );
    expect(results.map(({ stdout }) => stdout)).toEqual(
      Array.from({ length: 20 }, (_, index) => `${index}\n`),
    );
    expect(await leftovers()).toEqual([[], []]);
  });
});

/** The topmost process above it that is not ours: a command runs under a runner, a runner under the agent. */
async function agentOf(pid: number): Promise<number> {
  const { readFileSync } = await import('node:fs');
  const parent = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
  return parent === process.pid ? pid : agentOf(parent);
}
