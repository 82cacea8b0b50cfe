import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentDirectory } from './agents.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'agents-'));
  writeFileSync(join(base, 'binary'), 'the agent');
});
afterEach(() => rmSync(base, { recursive: true }));

const agent = (digest = 'abc') => ({ digest, path: () => join(base, 'binary') });
const file = () => join(base, 'agents/abc/agent');

test('everybody may run it and nobody read it, and many may place it at once', async () => {
  const places = Array.from({ length: 8 }, () => new AgentDirectory(join(base, 'agents')));
  const found = await Promise.all(places.map((directory) => directory.place(agent(), 'amd64')));
  expect(new Set(found)).toEqual(new Set([join(base, 'agents/abc')]));
  expect(statSync(file()).mode & 0o777).toBe(0o111);
  expect(statSync(join(base, 'agents/abc')).mode & 0o777).toBe(0o711);
  expect(readdirSync(join(base, 'agents/abc'))).toEqual(['agent']);
});

test('half a file, one of another mode, and one that was cleared away are made whole', async () => {
  const place = () => new AgentDirectory(join(base, 'agents')).place(agent(), 'amd64');
  await place();
  rmSync(file());
  writeFileSync(file(), 'the');
  await place();
  expect(statSync(file())).toMatchObject({ size: 9 });
  chmodSync(file(), 0o755);
  await place();
  expect(statSync(file()).mode & 0o777).toBe(0o111);
  const kept = new AgentDirectory(join(base, 'agents'));
  await kept.place(agent(), 'amd64');
  rmSync(join(base, 'agents'), { recursive: true });
  await kept.place(agent(), 'amd64');
  expect(existsSync(file())).toBe(true);
});

test('a digest is no way out of the directory', async () => {
  const placing = new AgentDirectory(join(base, 'agents')).place(agent('../../etc'), 'amd64');
  await expect(placing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
