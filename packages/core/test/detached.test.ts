import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createMemoryRegistry,
  createSandboxes,
  LABEL,
  type RawProcess,
  type RuntimeAdapter,
  type Sandboxes,
  type SandboxRecord,
} from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';
import { isAlive, processesWith, until } from './support/processes.ts';

let base: string;
let workspace: string;
const opened: Sandboxes[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'detached-'));
  workspace = mkdtempSync(join(tmpdir(), 'workspace-'));
});
afterEach(async () => {
  const left = createPlainAdapter({ directory: base });
  for (const { name } of await left.list({})) await left.remove(name, { volumes: true });
  await Promise.all(opened.splice(0).map((sandboxes) => sandboxes.close()));
  for (const directory of [base, workspace]) rmSync(directory, { recursive: true, force: true });
});

function setUp(overrides: (adapter: RuntimeAdapter) => Partial<RuntimeAdapter> = () => ({})) {
  const plain = createPlainAdapter({ directory: base });
  const registry = createMemoryRegistry();
  const sandboxes = createSandboxes({ adapter: { ...plain, ...overrides(plain) }, registry });
  opened.push(sandboxes);
  const open = (recreate = false) =>
    sandboxes.open({ workspace, recreate, policy: { workspaceAccess: 'none' } });
  return { adapter: plain, registry, sandboxes, open };
}

describe('a detached command', () => {
  it('outlives a program that is killed, and all that belonged to its session', async () => {
    const program = fileURLToPath(new URL('support/detach-elsewhere.ts', import.meta.url));
    const elsewhere = spawn(process.execPath, [program, base, workspace, 'echo "pid $$"; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [told] = await once(elsewhere.stdout, 'data');
    elsewhere.kill('SIGKILL');
    await once(elsewhere, 'exit');
    const box = await setUp().open();
    await until(async () => (await box.inspect()).sessions === 1, 'the killed program’s session has ended');
    const [info] = await box.commands.list();
    expect(info).toMatchObject({ id: String(told).trim(), state: 'running' });
    const command = await box.commands.get(info?.id ?? '');
    expect((await command.logs()).stdout).toBe(`pid ${info?.pid}\n`);
    expect(isAlive(info?.pid ?? 0)).toBe(true);
    expect((await command.kill()).ending).toBe('signaled');
    expect(isAlive(info?.pid ?? 0)).toBe(false);
  });

  it('is waited for in another session when that of the wait was lost', async () => {
    const { open } = setUp();
    const [box, other] = [await open(), await setUp().open()];
    const command = await box.spawn(['sh', '-c', 'until [ -e go ]; do sleep 0.05; done; exit 6'], {
      detached: true,
    });
    const waiting = command.wait();
    // Its agent is the parent of the parent of a command of this session.
    const stat = '{ read -r pid name state parent rest; } < /proc/$PPID/stat; echo $parent';
    const { stdout } = await box.exec(['sh', '-c', stat]);
    process.kill(Number(stdout), 'SIGKILL');
    await until(() => !isAlive(Number(stdout)), 'the session’s agent is gone');
    await other.files.write('go', '');
    expect(await waiting).toMatchObject({ ending: 'exited', exitCode: 6 });
  });

  it('is waited for as long as the caller wants', async () => {
    const box = await setUp().open();
    const command = await box.spawn(['sleep', '600'], { detached: true });
    await expect(command.wait({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const stop = new AbortController();
    const chunks: string[] = [];
    setTimeout(() => stop.abort(), 100);
    for await (const { stream } of command.follow({ signal: stop.signal })) chunks.push(stream);
    expect([chunks, (await command.inspect()).state]).toEqual([[], 'running']);
  });

  it('is lost with the main process that keeps it, and so is all that it has started', async () => {
    const { open } = setUp();
    const box = await open();
    const mark = `94${Math.floor(Math.random() * 1e9)}`;
    const command = await box.spawn(['sh', '-c', `(setsid sleep ${mark} &); echo on; exec sleep ${mark}`], {
      detached: true,
    });
    await until(() => processesWith(mark).length === 2, 'it has spread');
    const [init = 0] = processesWith('agent\0init').filter((pid) => processesWith(base).includes(pid));
    process.kill(init, 'SIGKILL');
    expect((await command.wait()).ending).toBe('lost');
    await until(() => processesWith(mark).length === 0, 'nothing of it is left');
  });

  it('has a handle that is of no use after its own was closed, and the command goes on', async () => {
    const { open } = setUp();
    const box = await open();
    const command = await box.spawn(['sleep', '600'], { detached: true });
    await box.close();
    await expect(command.wait()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    const again = await open();
    expect((await (await again.commands.get(command.id)).inspect()).state).toBe('running');
  });
});

describe('an engine that starts no agent, and says so in its place', () => {
  const TEXT = 'the container is going to be removed';
  /** For so long, new sessions get the engine's text; those that are open are lost. */
  function withEngine() {
    const sessions: RawProcess[] = [];
    let until = 0;
    const { open } = setUp((plain) => ({
      async exec(name, request, call) {
        const argv = performance.now() < until ? ['echo', TEXT] : request.argv;
        const process = await plain.exec(name, { ...request, argv }, call);
        sessions.push(process);
        return process;
      },
    }));
    const refuse = (ms: number) => {
      until = performance.now() + ms;
      for (const session of sessions.splice(0)) session.destroy();
    };
    return { open, refuse };
  }

  it('is UNAVAILABLE, with its text, and the next command works', async () => {
    const { open, refuse } = withEngine();
    const box = await open();
    await box.exec(['true']);
    refuse(Number.POSITIVE_INFINITY);
    const isTold = () =>
      box.exec(['true']).then(
        () => false,
        ({ code, message }) => code === 'UNAVAILABLE' && message.includes(TEXT),
      );
    await until(isTold, 'the engine’s text is told');
    refuse(0);
    expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
  });

  it('is waited out by who waits for a detached command, but not for ever', async () => {
    const { open, refuse } = withEngine();
    const box = await open();
    const command = await box.spawn(['sh', '-c', 'exit 6'], { detached: true });
    refuse(300);
    expect(await command.wait()).toMatchObject({ ending: 'exited', exitCode: 6 });
    refuse(Number.POSITIVE_INFINITY);
    await expect(command.wait()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(TEXT),
    });
  });
});

describe('a sandbox without detached commands', () => {
  const NEWER = 'the sandbox was made by a version without detached commands';

  it('of an earlier version refuses them, and what to do about it', async () => {
    const older = setUp((plain) => ({
      create: (spec, call) => {
        const { [LABEL.initKey]: _, ...labels } = spec.labels;
        return plain.create({ ...spec, labels, argv: spec.argv.slice(0, 2) }, call);
      },
    }));
    await (await older.open()).close();
    const { open } = setUp();
    const box = await open();
    expect((await box.exec(['echo', 'works'])).stdout).toBe('works\n');
    for (const attempt of [box.spawn(['true'], { detached: true }), box.commands.list()]) {
      await expect(attempt).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining(NEWER),
        hint: expect.stringContaining('--recreate'),
      });
    }
    await box.close();
    const again = await open(true);
    expect((await (await again.spawn(['true'], { detached: true })).wait()).exitCode).toBe(0);
  });

  it('whose main process does not answer is told as one of another version', async () => {
    const { open } = setUp((plain) => ({
      create: (spec, call) => plain.create({ ...spec, argv: spec.argv.slice(0, 2) }, call),
    }));
    await expect((await open()).commands.list()).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('--recreate'),
    });
  });
});

describe('cleanup', () => {
  const idle = async ({ registry }: ReturnType<typeof setUp>, name: string): Promise<Date> => {
    const { lastUsedBoot: _now, ...record } = (await registry.get(name)) as SandboxRecord;
    const lastUsedAt = new Date(Date.now() - 50 * 86_400_000);
    // What is put over a record never takes a use back.
    await registry.remove(name);
    await registry.put({ ...record, createdAt: new Date(Date.now() - 60 * 86_400_000), lastUsedAt });
    return lastUsedAt;
  };

  it('keeps a sandbox in which a detached command runs, as one in use, and takes it when that has ended', async () => {
    const all = setUp();
    const box = await all.open();
    const { id } = await box.spawn(['sleep', '600'], { detached: true });
    await box.close();
    await idle(all, box.name);
    const kept = [{ name: box.name, reason: 'in use: a detached command runs' }];
    expect(await all.sandboxes.cleanup({ dryRun: true })).toMatchObject({ removed: [], kept });
    const longAgo = await idle(all, box.name);
    expect(await all.sandboxes.cleanup()).toMatchObject({ removed: [], kept, failed: [] });
    expect((await all.registry.get(box.name))?.lastUsedAt.getTime()).toBeGreaterThan(longAgo.getTime());
    const found = await all.sandboxes.get(box.name);
    await (await found.commands.get(id)).kill();
    await found.close();
    await idle(all, box.name);
    expect((await all.sandboxes.cleanup()).removed).toEqual([box.name]);
  });

  it('keeps one that cannot be asked', async () => {
    let hangs = false;
    const all = setUp((plain) => ({
      exec: (...given) => (hangs ? Promise.reject(new Error('the engine is busy')) : plain.exec(...given)),
    }));
    const box = await all.open();
    await box.close();
    await idle(all, box.name);
    hangs = true;
    const { removed, kept } = await all.sandboxes.cleanup();
    expect([removed, kept[0]?.reason]).toEqual([[], expect.stringContaining('cannot be told')]);
    hangs = false;
    expect((await all.sandboxes.cleanup()).removed).toEqual([box.name]);
  });
});
