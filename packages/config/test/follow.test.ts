import { spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SandboxError } from '@sandbox/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, type ConfigChange, type OpenConfigOptions, openConfig } from '../src/index.ts';

const INTERVAL_MS = 10;
let base: string;
let file: string;
const opened: Config[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'follow-'));
  file = join(base, 'sandbox.toml');
});
afterEach(() => {
  for (const config of opened.splice(0)) config.close();
  rmSync(base, { recursive: true, force: true });
});

const pids = (count: number) => `[sandbox]\npids_limit = ${count}\n`;
const pidsOf = (config: Config) => config.settingsFor({}).layers.ephemeral[0]?.values.pids;

/** A configuration that is followed, with all that it has told. */
async function follow(options: OpenConfigOptions = { file }) {
  const changes: ConfigChange[] = [];
  const problems: SandboxError[] = [];
  let told = Promise.withResolvers<void>();
  const tell = () => {
    told.resolve();
    told = Promise.withResolvers();
  };
  const config = await openConfig({
    watch: { intervalMs: INTERVAL_MS },
    ...options,
    onReload: (change) => {
      options.onReload?.(change);
      changes.push(change);
      tell();
    },
    onProblem: (problem) => {
      problems.push(problem);
      tell();
    },
  });
  opened.push(config);
  /** Waits for what the configuration tells, and not for time to pass. */
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await told.promise;
  };
  return { config, changes, problems, until, says: (count: number) => until(() => pidsOf(config) === count) };
}

/** As editors save: beside it, and then in its place. */
function exchange(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

describe('a change is seen', () => {
  it('that was written in place', async () => {
    writeFileSync(file, pids(1));
    const { config, says, changes, problems } = await follow();
    expect(pidsOf(config)).toBe(1);
    writeFileSync(file, pids(2));
    await says(2);
    expect(changes).toEqual([{ file, needsRestart: [] }]);
    expect(problems).toEqual([]);
  });

  it('that exchanged the file, again and again', async () => {
    writeFileSync(file, pids(1));
    const { says } = await follow();
    for (let count = 2; count < 6; count += 1) {
      exchange(file, pids(count));
      await says(count);
    }
  });

  it('that set a link anew, and one that another link leads through', async () => {
    for (const version of ['one', 'two', 'three']) mkdirSync(join(base, version));
    writeFileSync(join(base, 'one/sandbox.toml'), pids(1));
    writeFileSync(join(base, 'two/sandbox.toml'), pids(2));
    writeFileSync(join(base, 'three/sandbox.toml'), pids(3));
    // As clusters mount configuration: the file is a link through `data`, and `data` is exchanged.
    symlinkSync('one', join(base, 'data'));
    symlinkSync('data/sandbox.toml', file);
    const { config, says } = await follow();
    expect(pidsOf(config)).toBe(1);
    symlinkSync('two', join(base, 'data.new'));
    renameSync(join(base, 'data.new'), join(base, 'data'));
    await says(2);
    symlinkSync('three/sandbox.toml', join(base, 'link.new'));
    renameSync(join(base, 'link.new'), file);
    await says(3);
    // What the link leads to now is followed, and not what it led to.
    writeFileSync(join(base, 'three/sandbox.toml'), pids(4));
    await says(4);
  });

  it('the last of a burst, however it was written, and never half of one', async () => {
    const both = (count: number) => [pids(count), `[trust.public]\nmax_pids = ${count}\n`] as const;
    writeFileSync(file, both(1000).join(''));
    const { config, says, problems } = await follow({
      file,
      onReload: () => {
        expect(config.settingsFor({}).ceilings.public?.maxPids).toBe(pidsOf(config));
      },
    });
    // All of one size, and many within one tick of the file system’s clock.
    for (let count = 1001; count < 1300; count += 1) {
      const [first, second] = both(count);
      if (count % 2) exchange(file, first + second);
      else {
        const written = openSync(file, 'w');
        writeSync(written, first);
        writeSync(written, second);
        closeSync(written);
      }
    }
    await says(1299);
    expect(problems).toEqual([]);
  });

  it.runIf(process.getuid?.() === 0)('once the other half of it is written, too', async () => {
    writeFileSync(file, pids(1));
    // With each look it is told that others may write to it.
    chownSync(file, 0, 1000);
    chmodSync(file, 0o664);
    let rest = '';
    const { config, says, changes } = await follow({
      file,
      onWarning: () => {
        appendFileSync(file, rest);
        rest = '';
      },
    });
    rest = '[trust.public]\nmax_pids = 2\n';
    writeFileSync(file, pids(2));
    await says(2);
    expect(config.settingsFor({}).ceilings.public?.maxPids).toBe(2);
    expect(changes).toHaveLength(1);
  });

  it('that took away and gave back the rights of others', async () => {
    writeFileSync(file, pids(1));
    const { config, until, problems, changes } = await follow();
    chmodSync(file, 0o666);
    await until(() => problems.length === 1);
    expect(problems[0]).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(pidsOf(config)).toBe(1);
    chmodSync(file, 0o644);
    await until(() => changes.length === 1);
    expect(problems).toHaveLength(1);
  });
});

describe('what held before goes on', () => {
  it('after a bad edit, which is told once, with its line and key', async () => {
    writeFileSync(file, pids(1));
    const { config, until, problems, says } = await follow();
    exchange(file, `${pids(2)}memroy = "1g"\n`);
    await until(() => problems.length > 0);
    expect(problems[0]?.message).toBe(`${file}:3: unknown key sandbox.memroy`);
    expect(problems[0]).toMatchObject({ code: 'INVALID_ARGUMENT', hint: 'Did you mean memory?' });
    expect(pidsOf(config)).toBe(1);
    // The same again, and then another mistake.
    exchange(file, `${pids(2)}memroy = "1g"\n`);
    exchange(file, 'not toml');
    await until(() => problems.length > 1);
    expect(problems.map(({ message }) => message)).toEqual([
      `${file}:3: unknown key sandbox.memroy`,
      expect.stringContaining(`${file}:1: not TOML`),
    ]);
    expect(pidsOf(config)).toBe(1);
    exchange(file, pids(3));
    await says(3);
    expect(problems).toHaveLength(2);
  });

  it('while it is empty, as it is for a moment when it is written anew', async () => {
    writeFileSync(file, '[sandbox]\nenabled = false\n');
    const { config, until, problems } = await follow();
    writeFileSync(file, '');
    await until(() => problems.length > 0);
    expect(problems[0]?.message).toContain('is empty');
    expect(config.enabled).toBe(false);
    writeFileSync(file, '# all is as it is built in\n');
    await until(() => config.enabled);
  });

  it('while it is gone, and what it says when it is back holds', async () => {
    writeFileSync(file, pids(1));
    const { config, until, problems, says, changes } = await follow();
    unlinkSync(file);
    await until(() => problems.length > 0);
    expect(problems[0]).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(file) });
    expect(pidsOf(config)).toBe(1);
    writeFileSync(file, pids(1));
    await until(() => changes.length > 0);
    exchange(file, pids(2));
    await says(2);
    expect(problems).toHaveLength(1);
  });
});

it('a file that appears is taken, and another of less weight is not', async () => {
  const own = join(base, 'home/.config/sandbox/sandbox.toml');
  const system = join(base, 'etc/sandbox/sandbox.toml');
  const places = { env: {}, home: join(base, 'home'), systemDirectory: join(base, 'etc') };
  const { config, says, problems, until } = await follow(places);
  expect(config.file).toBeUndefined();
  mkdirSync(join(own, '..'), { recursive: true });
  exchange(own, pids(7));
  await says(7);
  expect(config.file).toBe(own);
  mkdirSync(join(system, '..'), { recursive: true });
  exchange(system, pids(9));
  exchange(own, pids(8));
  await says(8);
  expect(problems).toEqual([]);
  unlinkSync(own);
  await until(() => problems.length > 0);
  expect(pidsOf(config)).toBe(8);
});

it('options of adapters are said to need a restart', async () => {
  writeFileSync(file, '[runtimes.docker]\nhost = "a"\n[runtimes.podman]\nservice = "none"\n');
  const { until, changes } = await follow();
  exchange(file, '[runtimes.docker]\nhost = "b"\n[runtimes.podman]\nservice = "none"\n[runtimes.nsjail]\n');
  await until(() => changes.length > 0);
  expect(changes).toEqual([{ file, needsRestart: ['runtimes.docker', 'runtimes.nsjail'] }]);
});

it('nothing is followed any more once it is closed', async () => {
  writeFileSync(file, pids(1));
  const { config } = await follow();
  const other = await follow();
  config.close();
  exchange(file, pids(2));
  await other.says(2);
  expect(pidsOf(config)).toBe(1);
});

it('what is wrong at the beginning is thrown', async () => {
  writeFileSync(file, 'memory = "4g"');
  await expect(openConfig({ file, watch: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(openConfig({ file: join(base, 'gone.toml') })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(openConfig({ env: { SANDBOX_CONFIG: join(base, 'gone.toml') } })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

it('keeps no program alive, and tells on stderr what is wrong where nobody listens', async () => {
  writeFileSync(file, pids(1));
  const program = fileURLToPath(new URL('follower.ts', import.meta.url));
  const child = spawn(process.execPath, [program, file], { stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
    if (output.stdout === 'following\n') exchange(file, 'foo = 1\n');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
    // Nothing but the follower is left in it then.
    if (output.stderr.includes('go on')) child.stdin.end();
  });
  expect(await ended).toBe(0);
  expect(output.stderr).toContain(`sandbox: ${file}:1: unknown key foo\nThe settings of before go on.`);
});
