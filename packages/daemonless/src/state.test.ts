import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StateDirectory } from './state.ts';

vi.mock(import('./directories.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    removeTree: async (path) => {
      if (path.includes('doomed-1-')) throw Object.assign(new Error('busy'), { code: 'EBUSY' });
      await original.removeTree(path);
    },
  };
});

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'state-'));
});
afterEach(() => rmSync(root, { recursive: true }));

it('goes on where something that was left behind cannot be removed', async () => {
  for (const name of ['doomed-1-1-0123456789ab', 'draft-2-1-0123456789ab']) mkdirSync(join(root, name));
  await new StateDirectory(root).sweep();
  expect(readdirSync(root)).toEqual(['doomed-1-1-0123456789ab']);
});
