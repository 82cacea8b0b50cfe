import { randomInt } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createSandboxes,
  createSqliteRegistry,
  LABEL,
  longLivedName,
  type RuntimeAdapter,
  registryFile,
  type Sandboxes,
} from '@sandbox/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scope, start, startApp } from './app.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

/** How often the program is killed. SANDBOX_KILLS=200 is the long way; SANDBOX_SEED does one run again. */
const KILLS = Number(process.env.SANDBOX_KILLS ?? 8);
const SEED = Number(process.env.SANDBOX_SEED ?? randomInt(2 ** 31));
/** From when it is ready: enough for two or three of the things that it does. */
const LIFE_MS = 2500;

describe.each(namedRuntimes)('a program on %s that is killed at any moment', (runtime) => {
  let directory: string;
  let env: NodeJS.ProcessEnv;
  let adapter: RuntimeAdapter;
  let sandboxes: Sandboxes;
  const names: Record<'precious' | 'passing' | 'idle', string> = { precious: '', passing: '', idle: '' };
  const workspaces = { ...names };

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'sandbox-killed-'));
    chmodSync(directory, 0o711);
    env = { SANDBOX_STATE_DIR: path.join(directory, 'state') };
    for (const name of Object.keys(names) as (keyof typeof names)[]) {
      const workspace = path.join(directory, name);
      mkdirSync(workspace);
      if (process.getuid?.() === 0) chownSync(workspace, 1000, 1000);
      workspaces[name] = workspace;
      names[name] = longLivedName(workspace);
    }
    process.env.SANDBOX_STATE_DIR = env.SANDBOX_STATE_DIR;
    adapter = await loadAdapter(runtime);
    sandboxes = createSandboxes({
      ...{ adapter, scope, tools: false },
      registry: createSqliteRegistry({ file: registryFile(env), onWarning: expect.unreachable }),
    });
    const box = await sandboxes.open({
      ...{ workspace: workspaces.precious, user: 'ann' },
      policy: { memoryBytes: 128 * 2 ** 20 },
    });
    await box.exec(['sh', '-c', 'echo precious > ~/precious'], { check: true });
    await box.close();
  });
  afterAll(async () => {
    await sandboxes.uninstall();
    expect(await adapter.list({ [LABEL.scope]: scope })).toEqual([]);
    expect(await adapter.volumes?.list({ [LABEL.scope]: scope })).toEqual([]);
    await sandboxes.close();
    delete process.env.SANDBOX_STATE_DIR;
    rmSync(directory, { recursive: true, force: true });
  });

  /** Whatever it was doing. */
  async function kill(seed: number): Promise<void> {
    const program = fileURLToPath(new URL('restless-program.ts', import.meta.url));
    const places = [workspaces.precious, workspaces.passing, workspaces.idle];
    const { child, result, shows } = start([process.execPath, program, runtime, String(seed), ...places], {
      env,
      input: '',
    });
    await shows('ready');
    await new Promise((resolve) => setTimeout(resolve, (seed * 7919) % LIFE_MS));
    child.kill('SIGKILL');
    const { signal, stdout, stderr } = await result;
    expect({ signal, stdout: stdout.toString() }, stderr).toEqual({ signal: 'SIGKILL', stdout: 'ready\n' });
  }

  async function expectWhole(seed: number): Promise<void> {
    const { exitCode, stdout, stderr } = await startApp(['ls', '--json', '--runtime', runtime], {
      ...{ env, input: '' },
    }).result;
    expect({ exitCode, stderr }, `seed ${seed}`).toEqual({ exitCode: 0, stderr: '' });
    const list: { name: string; state: string }[] = JSON.parse(stdout.toString());
    const shown = list.map(({ name }) => name);
    const there = (await adapter.list({ [LABEL.scope]: scope })).map(({ name }) => name).sort();
    const records = await createSqliteRegistry({ file: registryFile(env) }).list();
    const recorded = records.map(({ name }) => name);
    const volumes = (await adapter.volumes?.list({ [LABEL.scope]: scope })) ?? [];
    const owners = volumes.map(({ labels }) => labels[LABEL.name] ?? '').sort();
    const kept = shown.filter((name) => Object.values(names).includes(name));
    expect(kept, `seed ${seed}`).toContain(names.precious);
    // Only of one that was to be made again may its home be all that is left.
    const missing = list.filter(({ state }) => state === 'missing').map(({ name }) => name);
    const whole = kept.filter((name) => name !== names.precious || !missing.includes(name));
    expect({ shown, there, recorded: recorded.sort(), owners }, `seed ${seed}`).toEqual({
      ...{ shown: kept, there: whole, recorded: kept, owners: kept },
    });
  }

  it(`leaves no orphan, no record without a sandbox, and loses none (${KILLS} times, SANDBOX_SEED=${SEED})`, {
    timeout: KILLS * 60_000,
  }, async () => {
    for (let round = 0; round < KILLS; round += 1) {
      await kill(SEED + round);
      await expectWhole(SEED + round);
    }
    const box = await sandboxes.open({ workspace: workspaces.precious, user: 'ann' });
    expect((await box.exec(['sh', '-c', 'cat ~/precious'])).stdout).toBe('precious\n');
    await box.close();
  });
});
