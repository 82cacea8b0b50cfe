import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { lockFile } from './file-lock.ts';

const directory = mkdtempSync(join(tmpdir(), 'file-lock-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('is had by one, or shared by many', () => {
  const path = join(directory, 'shared');
  const shared = [lockFile(path, { shared: true }), lockFile(path, { shared: true })];
  expect(lockFile(path)).toBeUndefined();
  shared[0]?.();
  expect(lockFile(path)).toBeUndefined();
  shared[1]?.();
  const alone = lockFile(path);
  expect([lockFile(path), lockFile(path, { shared: true })]).toEqual([undefined, undefined]);
  alone?.();
  lockFile(path)?.();
  expect(statSync(path)).toMatchObject({ size: 0, mode: 0o100600 });
});

it('is taken back from a program that is killed', async () => {
  const path = join(directory, 'killed');
  const module = new URL('./file-lock.ts', import.meta.url).href;
  const script = `import { lockFile } from '${module}'; globalThis.held = lockFile('${path}'); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  expect(lockFile(path)).toBeUndefined();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const release = lockFile(path);
  expect(release).toBeTypeOf('function');
  release?.();
});

it('replaces what is no lock, and throws where none can be', () => {
  const path = join(directory, 'damaged');
  writeFileSync(path, 'garbage'.repeat(1000));
  expect(lockFile(path)).toBeUndefined();
  lockFile(path)?.();
  expect(statSync(path).size).toBe(0);
  expect(() => lockFile(join(directory, 'missing', 'lock'))).toThrow('ENOENT');
});
