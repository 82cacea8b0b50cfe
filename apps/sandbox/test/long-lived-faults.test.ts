import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createSandboxes,
  createSqliteRegistry,
  LABEL,
  type OpenOptions,
  type Registry,
  type RuntimeAdapter,
  registryFile,
  type Sandboxes,
} from '@sandbox/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scope, start, startApp } from './app.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

const DAY_MS = 86_400_000;
const policy = { memoryBytes: 256 * 2 ** 20 };
const isRoot = process.getuid?.() === 0;

describe.each(namedRuntimes)('long-lived sandboxes on %s', (runtime) => {
  let directory: string;
  let env: NodeJS.ProcessEnv;
  let adapter: RuntimeAdapter;
  let registry: Registry;
  let sandboxes: Sandboxes;
  let warnings: string[];
  let workspace: string;

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'sandbox-long-lived-'));
    chmodSync(directory, 0o711);
    workspace = path.join(directory, 'work');
    mkdirSync(workspace);
    if (isRoot) chownSync(workspace, 1000, 1000);
    env = { SANDBOX_STATE_DIR: path.join(directory, 'state') };
    process.env.SANDBOX_STATE_DIR = env.SANDBOX_STATE_DIR;
    adapter = await loadAdapter(runtime);
    warnings = [];
    registry = createSqliteRegistry({ file: registryFile(env), onWarning: (text) => warnings.push(text) });
    sandboxes = manager(adapter);
  });
  afterEach(async () => {
    await sandboxes.uninstall();
    expect(await adapter.list({ [LABEL.scope]: scope })).toEqual([]);
    expect(await adapter.volumes?.list({ [LABEL.scope]: scope })).toEqual([]);
    await sandboxes.close();
    await registry.close();
    delete process.env.SANDBOX_STATE_DIR;
    rmSync(directory, { recursive: true, force: true });
  });

  const manager = (adapterFor: RuntimeAdapter) =>
    createSandboxes({ adapter: adapterFor, scope, registry, tools: false });
  const sh = async (script: string, options: Partial<OpenOptions> = {}, by = sandboxes) => {
    await using box = await by.open({ workspace, user: 'ann', policy, ...options });
    return { name: box.name, ...(await box.exec(['sh', '-c', script])) };
  };
  const app = async (words: readonly string[], more: NodeJS.ProcessEnv = {}) => {
    const options = { env: { ...env, ...more }, input: '' };
    const { exitCode, stdout, stderr } = await startApp([...words, '--runtime', runtime], options).result;
    return { exitCode, stdout: stdout.toString(), stderr };
  };
  const namesOf = async () => (await adapter.list({ [LABEL.scope]: scope })).map(({ name }) => name);

  it('20 programs that open one workspace at once get one', { timeout: 300_000 }, async () => {
    const program = fileURLToPath(new URL('open-once.ts', import.meta.url));
    const programs = Array.from({ length: 20 }, () =>
      start([process.execPath, program, runtime, workspace], { env }),
    );
    for (const { shows } of programs) await shows('ready');
    for (const { child } of programs) child.stdin?.write('go\n');
    const results = await Promise.all(programs.map(({ result }) => result));
    expect(results.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual(
      results.map(() => ({ exitCode: 0, stderr: '' })),
    );
    const said = new Set(results.map(({ stdout }) => stdout.toString().replace('ready\n', '')));
    expect([...said]).toEqual([expect.stringMatching(/^sandbox-work-[0-9a-f]{12} \d+\n$/)]);
    expect(await namesOf()).toEqual([[...said][0]?.split(' ')[0]]);
  });

  it('one that an older version has made is used by this one', async () => {
    const older = 'a'.repeat(16);
    const maker = manager({
      ...adapter,
      create: (spec, call) => {
        const argv = spec.argv.map((word) => word.replace(spec.agent.digest, older));
        const labels = { ...spec.labels, [LABEL.agent]: older };
        return adapter.create({ ...spec, argv, labels, agent: { ...spec.agent, digest: older } }, call);
      },
    });
    const { name } = await sh('echo kept > ~/kept', {}, maker);
    await maker.close();
    expect((await adapter.inspect(name)).labels[LABEL.agent]).toBe(older);
    expect(await sh('cat ~/kept')).toMatchObject({ name, stdout: 'kept\n' });
    await (await sandboxes.get(name)).stop();
    expect(await sh('cat ~/kept')).toMatchObject({ name, stdout: 'kept\n' });
  });

  it.each([
    ['deleted', (file: string) => rmSync(file), /not in the registry/],
    ['emptied', (file: string) => truncateSync(file, 0), /was damaged .*empty/],
    ['cut off', (file: string) => truncateSync(file, 5000), /was damaged/],
    ['garbage', (file: string) => writeFileSync(file, 'garbage'.repeat(4000)), /was damaged/],
  ])('a registry that is %s costs none', async (_, damage, message) => {
    const { name } = await sh('echo kept > ~/kept');
    // As it is when no program runs: with what was in its log.
    await registry.close();
    damage(registryFile(env));
    const first = await app(['ls']);
    expect(first).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(new RegExp(`^${name} .* ann `, 'm')),
    });
    expect(first.stderr).toMatch(message);
    expect((await app(['ls'])).stderr).toBe('');
    expect((await app(['cleanup'])).stdout).toBe('nothing to remove; 1 kept\n');
    expect(await sh('cat ~/kept')).toMatchObject({ name, stdout: 'kept\n' });
  });

  it.runIf(isRoot).each(['full', 'read-only'])(
    'a disk that is %s under the registry costs none',
    async (how) => {
      const place = path.dirname(registryFile(env));
      mkdirSync(place, { recursive: true });
      chmodSync(path.dirname(place), 0o711);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', place]);
      try {
        const { name } = await sh('echo kept > ~/kept');
        await registry.close();
        if (how === 'full') {
          const fill = () => appendFileSync(path.join(place, 'ballast'), Buffer.alloc(4096));
          expect(() => {
            for (;;) fill();
          }).toThrow(/ENOSPC/);
        } else execFileSync('mount', ['-o', 'remount,ro', place]);
        for (const round of [1, 2]) {
          expect(await sh(`cat ~/kept; echo ${round}`)).toMatchObject({ name, stdout: `kept\n${round}\n` });
        }
        expect(warnings).toEqual([expect.stringMatching(/cannot be used: .*Sandboxes work/)]);
        const shown = await app(['ls']);
        expect(shown).toMatchObject({
          exitCode: 0,
          stdout: expect.stringMatching(new RegExp(`^${name} `, 'm')),
        });
        const cleaned = await app(['cleanup']);
        expect(cleaned).toMatchObject({ exitCode: 0, stdout: 'nothing to remove; 1 kept\n' });
        expect(await namesOf()).toEqual([name]);
        for (const { stderr } of [shown, cleaned]) {
          expect(stderr).toMatch(/^sandbox: warning: the registry .* cannot be used/m);
        }
      } finally {
        execFileSync('umount', ['--lazy', place]);
      }
    },
  );

  it.each([365, -365])('a clock that was set by %d days removes none', async (days) => {
    const { name } = await sh('echo kept > ~/kept');
    const shifted = {
      NODE_OPTIONS: `--import=${new URL('shifted-clock.ts', import.meta.url)}`,
      SHIFT_MS: String(days * DAY_MS),
    };
    expect((await app(['cleanup', '--dry-run'], shifted)).stdout).toMatch(
      /^would keep .* used within 30 days$/m,
    );
    for (const words of [['cleanup'], ['ls'], ['ls']]) {
      expect(await app(words, shifted)).toMatchObject({ exitCode: 0, stderr: '' });
    }
    expect(await app(['cleanup'])).toMatchObject({ stdout: 'nothing to remove; 1 kept\n' });
    expect(await sh('cat ~/kept')).toMatchObject({ name, stdout: 'kept\n' });
  });
});
