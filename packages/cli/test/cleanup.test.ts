import { EventEmitter } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { registryFile, SandboxError } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { keptSandboxes } from './kept-sandboxes.ts';

describe('sandbox cleanup', () => {
  it('removes what is idle, at once, and says why', async () => {
    await using kept = keptSandboxes();
    const [idle, used] = [await kept.make({ idleDays: 31 }), await kept.make()];
    expect(await kept.run(['cleanup'])).toEqual({
      exitCode: 0,
      out: `removed  ${idle}  idle for 31 days\n`,
      err: '',
    });
    expect(await kept.names()).toEqual([used]);
    expect(await kept.run(['cleanup'])).toEqual({
      exitCode: 0,
      out: 'nothing to remove; 1 kept\n',
      err: '',
    });
  });

  it('only says what it would do, and about all', async () => {
    await using kept = keptSandboxes();
    const names = [
      await kept.make({ idleDays: 31 }),
      await kept.make({ idleDays: 31, user: 'ann', trust: 'full' }),
      await kept.make(),
    ];
    const { out } = await kept.run(['cleanup', '--dry-run']);
    expect(out.replace(/ {2,}/g, '  ').split('\n').sort()).toEqual([
      '',
      `would keep  ${names[1]}  idle for 31 days, and protected: trust full`,
      `would keep  ${names[2]}  used within 30 days`,
      `would remove  ${names[0]}  idle for 31 days`,
    ]);
    expect(await kept.names()).toEqual(names.toSorted());
  });

  it('takes --older-than, --user and --include-protected', async () => {
    await using kept = keptSandboxes();
    const ann = await kept.make({ idleDays: 8, user: 'ann', trust: 'full' });
    const bob = await kept.make({ idleDays: 8, user: 'bob' });
    const removed = async (...words: string[]) =>
      JSON.parse((await kept.run(['cleanup', '--json', ...words])).out).removed;
    expect(await removed()).toEqual([]);
    expect(await removed('--older-than', '9d')).toEqual([]);
    expect(await removed('--older-than', '7d', '--user', 'ann')).toEqual([]);
    expect(await removed('--older-than', '7d', '--user', 'ann', '--include-protected')).toEqual([ann]);
    expect(await removed('--older-than', '180h')).toEqual([bob]);
  });

  it('tells of a runtime that could not be asked', async () => {
    await using kept = keptSandboxes((adapter) => ({
      ...adapter,
      list: () => Promise.reject(new SandboxError('UNAVAILABLE', 'not now')),
    }));
    const { exitCode, out, err } = await kept.run(['cleanup']);
    expect([exitCode, out]).toEqual([0, 'nothing to remove\n']);
    expect(err).toMatch(/^sandbox: warning: not now/);
  });

  it('tells what could not be removed, and removes it the next time', async () => {
    let broken = true;
    await using kept = keptSandboxes((adapter) => ({
      ...adapter,
      async remove(name, options) {
        if (broken) throw new SandboxError('UNAVAILABLE', 'not now');
        await adapter.remove(name, options);
      },
    }));
    const idle = await kept.make({ idleDays: 31 });
    const first = await kept.run(['cleanup', '--json']);
    expect(first).toMatchObject({
      exitCode: 125,
      err: `sandbox: ${idle} could not be removed: not now\nhint: The next cleanup tries again.\n`,
    });
    expect(JSON.parse(first.out)).toMatchObject({ removed: [], failed: [{ name: idle, error: 'not now' }] });
    // That nobody reads it makes no success of it.
    for (const words of [['cleanup'], ['uninstall', '--yes']])
      expect(await kept.run(words, { unread: true })).toMatchObject({ exitCode: 125 });
    broken = false;
    expect((await kept.run(['cleanup'])).out).toMatch(/^removed /);
    expect(await kept.names()).toEqual([]);
  });

  it('watches: marks, says so, and ends when it is told to', async () => {
    await using kept = keptSandboxes();
    const idle = await kept.make({ idleDays: 31 });
    const signals = new EventEmitter();
    const watching = kept.run(['cleanup', '--watch=100ms', '--json'], { signals });
    await expect.poll(async () => (await kept.registry.get(idle))?.mark, { timeout: 30_000 }).toBeDefined();
    await new Promise((resolve) => setTimeout(resolve, 300));
    signals.emit('SIGTERM', 'SIGTERM');
    const { exitCode, out, err } = await watching;
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    const reports = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(reports.length).toBeGreaterThan(1);
    expect(reports.flatMap(({ marked }) => marked)).toEqual([idle]);
    expect(reports.flatMap(({ removed }) => removed)).toEqual([]);
    for (const { at } of reports) expect(new Date(at).getTime()).toBeGreaterThan(0);
    expect(await kept.names()).toEqual([idle]);
  });

  it('watches by a configuration that changes meanwhile', async () => {
    await using kept = keptSandboxes();
    const idle = await kept.make({ idleDays: 31 });
    const file = join(kept.env.SANDBOX_STATE_DIR, 'sandbox.toml');
    writeFileSync(file, '[sandbox]\ncleanup_after_days = 90\n');
    const signals = new EventEmitter();
    const watching = kept.run(['cleanup', '--watch=50ms', '--json', '--config', file], { signals });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await kept.registry.get(idle)).not.toHaveProperty('mark');
    writeFileSync(file, '[sandbox]\ncleanup_after_days = 30\n');
    await expect.poll(async () => (await kept.registry.get(idle))?.mark, { timeout: 30_000 }).toBeDefined();
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await watching).toMatchObject({ exitCode: 0, err: '' });
  });

  it('goes on watching after a sweep that failed', async () => {
    let calls = 0;
    await using kept = keptSandboxes((adapter) => ({
      ...adapter,
      async remove(name, options) {
        calls += 1;
        if (calls === 1) throw new SandboxError('UNAVAILABLE', 'not now');
        await adapter.remove(name, options);
      },
    }));
    const idle = await kept.make();
    await kept.registry.condemn(idle);
    const signals = new EventEmitter();
    const watching = kept.run(['cleanup', '--watch=50ms'], { signals });
    await expect.poll(() => kept.names(), { timeout: 30_000 }).toEqual([]);
    signals.emit('SIGINT', 'SIGINT');
    const { exitCode, out, err } = await watching;
    expect(exitCode).toBe(0);
    expect(err).toContain('not now');
    expect(out).toMatch(new RegExp(`^\\d{4}-\\S+Z removed +${idle} +its removal was begun$`, 'm'));
  });
});

describe('a registry that is gone', () => {
  it.each([
    ['deleted', (file: string) => rmSync(file), ''],
    ['garbage', (file: string) => writeFileSync(file, 'garbage'.repeat(1000)), 'was damaged'],
  ])('(%s) is told by ls, and costs nothing', async (_, damage, warning) => {
    await using kept = keptSandboxes();
    const idle = await kept.make({ idleDays: 100, user: 'ann', trust: 'full' });
    await kept.registry.close();
    damage(registryFile(kept.env));
    const { exitCode, out, err } = await kept.run(['ls']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`^${idle} .* ann +`, 'm'));
    expect(err).toContain(warning);
    expect(err).toMatch(/^sandbox: warning: one sandbox was not in the registry, and counts as used now$/m);
    expect((await kept.run(['ls'])).err).toBe('');
    expect((await kept.run(['cleanup', '--include-protected'])).out).toBe('nothing to remove; 1 kept\n');
  });
});

describe('sandbox rm --all', () => {
  it('keeps what is protected, unless told', async () => {
    await using kept = keptSandboxes();
    const [plain, full] = [await kept.make(), await kept.make({ user: 'ann', trust: 'owner' })];
    expect(await kept.run(['rm', '--all'])).toEqual({ exitCode: 0, out: `${plain}\n`, err: '' });
    expect((await kept.run(['rm', '--all', '--include-protected', '--json'])).out).toContain(full);
    expect(await kept.names()).toEqual([]);
  });
});

describe('on a terminal', () => {
  it.each([
    ['n\n', 1],
    ['\n', 1],
    ['', 1],
    ['y\n', 0],
    ['YES\n', 0],
  ])('rm asks before it removes one that lives long: %j', async (answer, exitCode) => {
    await using kept = keptSandboxes();
    const name = await kept.make();
    const result = await kept.run(['rm', name], { answer });
    expect(result).toEqual({
      exitCode,
      out: exitCode === 0 ? `${name}\n` : '',
      err: `remove ${name} with its home? [y/N] `,
    });
    expect(await kept.names()).toEqual(exitCode === 0 ? [] : [name]);
  });

  it('rm --all asks once, -f not at all', async () => {
    await using kept = keptSandboxes();
    const names = [await kept.make(), await kept.make()].toSorted();
    expect(await kept.run(['rm', '--all'], { answer: 'n\n' })).toMatchObject({
      exitCode: 1,
      err: 'remove 2 long-lived sandboxes with their homes? [y/N] ',
    });
    expect(await kept.run(['rm', '--all', '-f'], { answer: '' })).toEqual({
      exitCode: 0,
      out: names.map((name) => `${name}\n`).join(''),
      err: '',
    });
  });

  it('uninstall asks, and says how much is at stake', async () => {
    await using kept = keptSandboxes();
    const name = await kept.make();
    const { exitCode, err } = await kept.run(['uninstall'], { answer: 'n\n' });
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^remove all that sandbox has made on this machine: 1 sandbox, 1 long-lived, /);
    expect(await kept.names()).toEqual([name]);
    expect(await kept.run(['uninstall'], { answer: 'y\n' })).toMatchObject({ exitCode: 0 });
    expect(await kept.names()).toEqual([]);
  });
});

describe('what there is', () => {
  it('is told by df', async () => {
    await using kept = keptSandboxes();
    const name = await kept.make();
    const rows = JSON.parse((await kept.run(['df', '--json'])).out);
    expect(rows).toMatchObject([
      { runtime: kept.adapter.runtime, kind: 'sandbox', name },
      { runtime: kept.adapter.runtime, kind: 'volume', name: `${name}-home` },
      { runtime: null, kind: 'registry', name: registryFile(kept.env), sizeBytes: expect.any(Number) },
    ]);
    expect((await kept.run(['df'])).out).toMatch(
      /^RUNTIME +KIND +SIZE +NAME\n.*\n-? +registry +\S+ KiB .*\ntotal /ms,
    );
  });

  it('is gone after uninstall, and the registry with it', async () => {
    await using kept = keptSandboxes();
    const name = await kept.make({ user: 'ann', trust: 'owner' });
    await kept.make();
    const { exitCode, out, err } = await kept.run(['uninstall', '--yes', '--json']);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    const report = JSON.parse(out);
    expect(report).toMatchObject({ left: [], registry: true });
    expect(report.removed).toHaveLength(4);
    expect(await kept.names()).toEqual([]);
    expect(await kept.adapter.volumes?.list({})).toEqual([]);
    expect(existsSync(kept.env.SANDBOX_STATE_DIR)).toBe(false);
    expect((await kept.run(['df'])).out).toBe('nothing\n');
    expect(out).toContain(name);
  });

  it('stays known where uninstall did not get everything', async () => {
    await using kept = keptSandboxes((adapter) => ({
      ...adapter,
      async remove() {
        throw new SandboxError('UNAVAILABLE', 'not now');
      },
    }));
    const name = await kept.make();
    const { exitCode, out, err } = await kept.run(['uninstall', '--yes', '--json']);
    expect(exitCode).toBe(125);
    expect(JSON.parse(out)).toMatchObject({ registry: false });
    expect(err).toContain(`the sandbox ${name} is still there: not now`);
    expect(await kept.registry.get(name)).toBeDefined();
  });
});
