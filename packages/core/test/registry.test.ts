import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSqliteRegistry, type Registry, type SandboxRecord } from '../src/index.ts';
import { until } from './support/processes.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'registry-'));
  file = join(directory, 'registry', 'sandboxes.sqlite');
});
afterEach(() => rmSync(directory, { recursive: true }));

const at = new Date('2026-03-01T00:00:00Z');
const record = (name: string): SandboxRecord => ({
  ...{ name, runtime: 'docker', lifecycle: 'long-lived', workspace: '/w', user: 'ann', trust: 'full' },
  ...{ instance: 'v1:m:b:1:2:3', createdAt: at, lastUsedAt: at },
});

const PROGRAMS = 10;
const ROUNDS = 40;

/** Starts programs that wait for each other, and returns what each of them says at its end. */
async function together(count: number, rounds: number): Promise<string[]> {
  const program = fileURLToPath(new URL('support/use-registry.ts', import.meta.url));
  const children = Array.from({ length: count }, (_, number) => {
    const child = spawn(process.execPath, [program, file, String(number), String(rounds)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return { child, ended: once(child, 'exit'), said: text(child.stdout), ready: once(child.stdout, 'data') };
  });
  await Promise.all(children.map(({ ready }) => ready));
  for (const { child } of children) child.stdin.end('go');
  const ends = await Promise.all(children.map(({ ended }) => ended));
  expect(ends).toEqual(children.map(() => [0, null]));
  const said = await Promise.all(children.map((one) => one.said));
  return said.map((words) => words.replace('ready\n', ''));
}

async function expectAll(registry: Registry, programs: number, rounds: number): Promise<void> {
  const names = (await registry.list()).map(({ name }) => name).sort();
  const own = Array.from({ length: programs }, (_, number) =>
    Array.from({ length: rounds }, (__, round) => `own-${number}-${round + 1}`),
  );
  expect(names).toEqual([...own.flat(), 'shared'].sort());
  const last = rounds * 1000 + programs - 1;
  expect(await registry.get('shared')).toMatchObject({
    lastUsedAt: new Date(last + 100),
    lastUsedBoot: { elapsedMs: last },
  });
  const [some] = await registry.list();
  expect(some?.lastUsedAt.getTime()).toBeGreaterThan(0);
}

describe('many programs at once', () => {
  it('lose nothing, wait for nobody in vain, and make one registry', async () => {
    expect(await together(PROGRAMS, ROUNDS)).toEqual(Array(PROGRAMS).fill(''));
    await expectAll(createSqliteRegistry({ file }), PROGRAMS, ROUNDS);
  });

  it('replace one that is damaged once', async () => {
    mkdirSync(dirname(file));
    writeFileSync(file, 'garbage'.repeat(1000));
    const said = (await together(PROGRAMS, ROUNDS)).filter((words) => words !== '');
    expect(said).toEqual([expect.stringMatching(/^the registry of sandboxes was damaged .*\n$/)]);
    await expectAll(createSqliteRegistry({ file }), PROGRAMS, ROUNDS);
  });

  it('leave a whole registry when they are killed at any moment', async () => {
    const program = fileURLToPath(new URL('support/use-registry.ts', import.meta.url));
    const said: string[] = [];
    const children: ChildProcess[] = [];
    for (let number = 0; number < 10; number += 1) {
      const child = spawn(process.execPath, [program, file, String(number), '1000000'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.push(child);
      child.stdout.on('data', (chunk) => said.push(String(chunk)));
      await once(child.stdout, 'data');
      child.stdin.write('go');
      await new Promise((resolve) => setTimeout(resolve, 5 * number));
      if (number % 2 === 1) for (const one of children.splice(0)) one.kill('SIGKILL');
    }
    const warnings: string[] = [];
    const registry = createSqliteRegistry({ file, onWarning: (message) => warnings.push(message) });
    await registry.put(record('mine'));
    expect(await registry.get('mine')).toEqual(record('mine'));
    expect(warnings).toEqual([]);
    expect(said.join('').replaceAll('ready\n', '')).toBe('');
    await registry.close();
  });
});

/** A file system of its own, where this machine lets us make one. */
function mountTmpfs(options: string): boolean {
  mkdirSync(dirname(file), { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dirname(file)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const canMount = (() => {
  if (process.getuid?.() !== 0) return false;
  file = join(tmpdir(), `registry-mount-${process.pid}`, 'x');
  const mounted = mountTmpfs('size=64k');
  if (mounted) execFileSync('umount', [dirname(file)]);
  rmSync(dirname(file), { recursive: true });
  return mounted;
})();

describe.runIf(canMount)('a disk', () => {
  let warnings: string[];
  const open = () => createSqliteRegistry({ file, onWarning: (message) => warnings.push(message) });
  beforeEach(() => {
    warnings = [];
  });
  afterEach(() => execFileSync('umount', ['--lazy', dirname(file)]));

  /** To the last byte. */
  const fill = () => {
    const block = Buffer.alloc(4096);
    expect(() => {
      for (;;) appendFileSync(join(dirname(file), 'ballast'), block);
    }).toThrow(/ENOSPC/);
  };

  it('that is full from the start: without a registry', async () => {
    mountTmpfs('size=64k');
    fill();
    const registry = open();
    await registry.put(record('a'));
    expect(await registry.list()).toEqual([record('a')]);
    expect(warnings).toEqual([expect.stringMatching(/cannot be used: .*full.*Sandboxes work/)]);
  });

  it('that gets full: what is known stays known, and the file whole', async () => {
    mountTmpfs('size=512k');
    const registry = open();
    await registry.put(record('before'));
    fill();
    const later = new Date(at.getTime() + 1);
    await until(async () => {
      await registry.put(record(`more-${Math.random()}`));
      return warnings.length > 0;
    }, 'it is full');
    await registry.touch('before', later);
    expect(await registry.get('before')).toEqual({ ...record('before'), lastUsedAt: later });
    const count = (await registry.list()).length;
    expect(count).toBeGreaterThan(2);
    expect(warnings).toEqual([expect.stringMatching(/cannot be used: database or disk is full/)]);
    await registry.close();
    rmSync(join(dirname(file), 'ballast'));
    warnings = [];
    expect(await open().list()).toHaveLength(count - 1);
    expect(warnings).toEqual([]);
  });

  it.each(['nobody', 'somebody'])(
    'that may only be read: what it says is known (%s else uses it)',
    async (who) => {
      mountTmpfs('size=512k');
      const writer = open();
      await writer.put(record('before'));
      if (who === 'nobody') await writer.close();
      const place = join(directory, 'read-only');
      mkdirSync(place);
      execFileSync('mount', ['--bind', dirname(file), place]);
      execFileSync('mount', ['-o', 'remount,bind,ro', place]);
      try {
        const read = join(place, basename(file));
        const registry = createSqliteRegistry({ file: read, onWarning: (message) => warnings.push(message) });
        await registry.put(record('after'));
        expect((await registry.list()).map(({ name }) => name)).toEqual(['before', 'after']);
        expect(warnings).toEqual([expect.stringMatching(/cannot be used: .*Sandboxes work/)]);
      } finally {
        execFileSync('umount', ['--lazy', place]);
      }
      await writer.close();
    },
  );
});
