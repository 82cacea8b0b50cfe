import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { registryFile } from '../naming/state-directory.ts';
import { openSqliteFile } from '../sqlite/sqlite-file.ts';
import type { SandboxRecord } from './registry.ts';
import { REGISTRY_FILE } from './sqlite/registry-schema.ts';
import { createSqliteRegistry } from './sqlite-registry.ts';

const at = new Date('2026-03-01T00:00:00Z');
const record = (name: string): SandboxRecord => ({
  ...{ name, runtime: 'docker', lifecycle: 'long-lived', workspace: '/w', user: 'ann', trust: 'full' },
  ...{ instance: 'v1:m:b:1:2:3', createdAt: at, lastUsedAt: at },
});

let directory: string;
let file: string;
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sqlite-registry-'));
  file = registryFile({ SANDBOX_STATE_DIR: join(directory, 'state') });
  warnings = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const open = () => createSqliteRegistry({ file, onWarning: (message) => warnings.push(message) });
const names = async (registry = open()) => (await registry.list()).map(({ name }) => name).sort();
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
const inRegistry = () => readdirSync(dirname(file)).sort();

/** A registry with many records, closed. */
async function filled(count = 200): Promise<void> {
  const registry = open();
  for (let index = 0; index < count; index += 1) await registry.put(record(`sandbox-${index}`));
  await registry.close();
}

test('is told from others by its place, also after it was lost', () => {
  const other = createSqliteRegistry({ file: join(directory, 'other.sqlite') });
  expect(open().id).toMatch(/^[0-9a-f]{16}$/);
  expect(open().id).toBe(open().id);
  expect(other.id).not.toBe(open().id);
});

test('nothing is opened before it is used', async () => {
  const registry = open();
  expect(existsSync(join(directory, 'state'))).toBe(false);
  await registry.close();
});

test('nobody else may look at it, whatever the umask, and others may pass by it', async () => {
  const umask = process.umask(0);
  try {
    const registry = open();
    await registry.put(record('a'));
    expect(inRegistry()).toEqual([
      'lock',
      ...['', '-shm', '-wal'].map((suffix) => `sandboxes.sqlite${suffix}`),
    ]);
    for (const name of inRegistry()) expect([name, mode(join(dirname(file), name))]).toEqual([name, '600']);
    expect(mode(dirname(file))).toBe('700');
    expect(mode(join(directory, 'state'))).toBe('711');
    await registry.close();
  } finally {
    process.umask(umask);
  }
});

test('a directory that is there stays as it is', async () => {
  file = join(directory, 'mine', 'some.sqlite');
  mkdirSync(dirname(file));
  chmodSync(dirname(file), 0o750);
  await filled(1);
  expect(mode(dirname(file))).toBe('750');
  expect(mode(file)).toBe('600');
});

test('programs see what others have written', async () => {
  const [one, other] = [open(), open()];
  await one.put(record('a'));
  expect(await names(other)).toEqual(['a']);
  await other.remove('a');
  expect(await names(one)).toEqual([]);
});

test.each([
  ['garbage', () => writeFileSync(file, 'garbage'.repeat(5000)), 'file is not a database'],
  ['emptied', () => truncateSync(file, 0), 'empty'],
  ['cut off', () => truncateSync(file, 6000), 'malformed'],
  ['cut off in its first page', () => truncateSync(file, 100), ''],
  ['garbage after the first page', () => overwrite(4096), 'page 2'],
  ['another program’s', () => database('CREATE TABLE sandboxes (name TEXT)'), 'no registry'],
  [
    'without a column',
    () => database('ALTER TABLE sandboxes DROP COLUMN trust', true),
    'no column named trust',
  ],
  ['without its table', () => database('DROP TABLE sandboxes', true), 'no such table'],
])('a file that is %s is set aside, and a new one used', async (_, damage, reason) => {
  await filled();
  damage();
  const bytes = readFileSync(file);
  const registry = open();
  const known = await registry.list();
  await registry.put(record('new'));
  expect(known).toEqual([]);
  expect(await names()).toEqual(['new']);
  expect(warnings).toEqual([
    expect.stringMatching(/was damaged .*found again by their labels, and count as used now$/),
  ]);
  expect(warnings[0]).toContain(reason);
  const aside = inRegistry().filter((name) => /\.damaged-[^/]*[0-9a-f]{4}$/.test(name));
  expect(aside).toHaveLength(1);
  expect(warnings[0]).toContain(aside[0]);
  expect(readFileSync(join(dirname(file), aside[0] ?? '')).equals(bytes)).toBe(true);
  await registry.close();
});

test('a row that was cut off is damage too, though SQLite reads it', async () => {
  await filled(1);
  truncateSync(file, 5000);
  expect(await names()).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(/was damaged/)]);
});

function overwrite(from: number): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0xa5, from));
}

function database(sql: string, same = false): void {
  if (!same) rmSync(file);
  const other = new DatabaseSync(file);
  other.exec(sql);
  other.close();
}

test('a deleted one begins anew, also under programs that had it open', async () => {
  const registry = open();
  await registry.put(record('before'));
  rmSync(file);
  await registry.touch('before', at);
  expect(await names()).toEqual([]);
  await registry.put(record('after'));
  expect(await names()).toEqual(['after']);
  expect(warnings).toEqual([]);
  await registry.close();
});

test('a log that a deleted one has left is not taken for the new one’s', async () => {
  const registry = open();
  await registry.put(record('before'));
  copyFileSync(`${file}-wal`, `${file}-kept`);
  await registry.close();
  rmSync(file);
  copyFileSync(`${file}-kept`, `${file}-wal`);
  expect(await names()).toEqual([]);
});

test('a damaged lock is replaced', async () => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(join(dirname(file), 'lock'), 'garbage'.repeat(1000));
  await filled(1);
  expect(await names()).toEqual(['sandbox-0']);
  expect(warnings).toEqual([]);
});

describe('of another version', () => {
  const later = [...REGISTRY_FILE.migrations, 'ALTER TABLE sandboxes ADD COLUMN colour TEXT'];
  const openAs = (migrations: readonly string[]) =>
    openSqliteFile(
      { ...REGISTRY_FILE, migrations },
      { file, onSetAside: () => expect.unreachable('set aside') },
    );

  test('an older file gets what it lacks, and loses nothing', async () => {
    await filled(3);
    const upgraded = openAs(later);
    expect(upgraded.statements.list.all()).toHaveLength(3);
    upgraded.close();
    const look = new DatabaseSync(file);
    expect(look.prepare('SELECT colour FROM sandboxes').all()).toHaveLength(3);
    look.close();
  });

  test('a migration that fails changes nothing', async () => {
    await filled(3);
    expect(() => openAs([...later, 'ALTER TABLE sandboxes ADD COLUMN colour TEXT'])).toThrow();
    expect(await names()).toHaveLength(3);
    expect(warnings).toEqual([]);
  });

  test('a newer file is read and left alone, and there is no mark for cleanup', async () => {
    await filled(3);
    openAs(later).close();
    const bytes = readFileSync(file);
    const registry = open();
    expect(await names(registry)).toHaveLength(3);
    await registry.touch('sandbox-0', new Date(at.getTime() + 1));
    expect((await registry.get('sandbox-0'))?.lastUsedAt).toEqual(new Date(at.getTime() + 1));
    await registry.mark('sandbox-0', { at, boot: { bootId: 'b', elapsedMs: 1 } });
    expect(await registry.get('sandbox-0')).not.toHaveProperty('mark');
    await registry.remove('sandbox-1');
    await registry.close();
    expect(warnings).toEqual([
      expect.stringMatching(/cannot be used: it is of version 2.* Use the newer version$/),
    ]);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

test('a place that cannot be used is done without', async () => {
  writeFileSync(join(directory, 'state'), 'a file');
  const registry = open();
  await registry.put(record('a'));
  await registry.touch('a', new Date(at.getTime() + 1));
  expect(await names(registry)).toEqual(['a']);
  expect(warnings).toEqual([expect.stringMatching(/cannot be used: .*Sandboxes work.* Look at that file/)]);
  await registry.close();
});

describe('without the file', () => {
  const mark = { at, boot: { bootId: 'b', elapsedMs: 1 } };
  /** It can be read then, and no more. */
  const version = (number: number) => {
    const other = new DatabaseSync(file);
    other.exec(`PRAGMA user_version = ${number}`);
    other.close();
  };
  const newer = () => version(99);

  test('a mark that is in it counts for nothing: uses since then may not be', async () => {
    const registry = open();
    await registry.put({ ...record('a'), mark });
    await registry.close();
    newer();
    expect(await registry.get('a')).toEqual(record('a'));
    expect(await registry.list()).toEqual([record('a')]);
    expect(warnings).toHaveLength(1);
  });

  test('what was remembered is written once it can be used again', async () => {
    writeFileSync(join(directory, 'state'), 'a file');
    const registry = open();
    await registry.put(record('a'));
    rmSync(join(directory, 'state'));
    const later = performance.now() + 61_000;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => later);
    try {
      await registry.touch('a', new Date(at.getTime() + 1));
    } finally {
      clock.mockRestore();
    }
    expect(await open().list()).toEqual([{ ...record('a'), lastUsedAt: new Date(at.getTime() + 1) }]);
    expect(warnings).toHaveLength(1);
    await registry.close();
  });

  test('what was only read meanwhile is not written over what others have done', async () => {
    const registry = open();
    for (const name of ['used', 'removed', 'mine']) await registry.put(record(name));
    await registry.condemn('used');
    newer();
    await registry.close();
    await registry.touch('mine', new Date(at.getTime() + 1));
    version(REGISTRY_FILE.migrations.length);
    const other = open();
    await other.touch('used', new Date(at.getTime() + 2));
    await other.remove('removed');
    const later = performance.now() + 61_000;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => later);
    try {
      await registry.list();
    } finally {
      clock.mockRestore();
    }
    expect(await other.list()).toEqual([
      { ...record('mine'), lastUsedAt: new Date(at.getTime() + 1) },
      { ...record('used'), lastUsedAt: new Date(at.getTime() + 2) },
    ]);
    await Promise.all([registry.close(), other.close()]);
  });
});

test('a file that others keep busy is waited for', async () => {
  await filled(1);
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  const registry = open();
  const put = registry.put(record('a'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  other.exec('COMMIT');
  other.close();
  await put;
  expect(await names(registry)).toEqual(['a', 'sandbox-0']);
  expect(warnings).toEqual([]);
  await registry.close();
});

const oldest = fileURLToPath(
  new URL('../../../../tooling/node-22/node_modules/node/bin/node', import.meta.url),
);

test.each([process.execPath, oldest].filter(existsSync))(
  '%s does not say that SQLite is experimental',
  (node) => {
    const program = `
    import { createSqliteRegistry } from ${JSON.stringify(new URL('sqlite-registry.ts', import.meta.url))};
    await createSqliteRegistry({ file: ${JSON.stringify(file)} }).list();
    process.emitWarning('something else');
  `;
    const { status, stderr } = spawnSync(node, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('something else') });
    expect(stderr).not.toMatch(/sqlite/i);
  },
);
