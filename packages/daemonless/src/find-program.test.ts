import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { findProgram } from './find-program.ts';
import { checkJailerOptions } from './options.ts';

let root: string;
const program = (directory: string) => {
  const path = join(root, directory, 'jail');
  mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o755);
  return path;
};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'find-program-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

it('looks for a name on PATH, and never where somebody happens to work', () => {
  program('checkout');
  vi.spyOn(process, 'cwd').mockReturnValue(join(root, 'checkout'));
  vi.stubEnv('PATH', join(root, 'bin'));
  expect(() => findProgram('other', 'jail', 'install it')).toThrow(/no jail on PATH/);
  expect(findProgram('other', program('bin'), '')).toBe(join(root, 'bin/jail'));
  expect(findProgram('other', 'jail', '')).toBe(join(root, 'bin/jail'));
});

it.each(['./jail', 'bin/jail', '../jail'])('takes no option %s, which leads from there too', (binary) => {
  expect(() => checkJailerOptions('x', { binary })).toThrow(/options of the x adapter: binary: .*PATH/);
});

it.each(['jail', '/opt/jail/bin/jail'])('takes an option %s', (binary) => {
  expect(() => checkJailerOptions('x', { binary })).not.toThrow();
});
