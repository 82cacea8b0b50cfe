import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeTree } from './directories.ts';

let root: string;
let tree: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'directories-'));
  tree = join(root, '-rf tree');
  mkdirSync(tree);
});
afterEach(() => execFileSync('rm', ['-rf', '--', root]));

/** As a guest makes it, step by step: no path is long enough to name what is at the bottom. */
function deep(mode: number): void {
  const script = `for (let depth = 0; depth < 40; depth += 1) {
    fs.mkdirSync('d'.repeat(200));
    process.chdir('d'.repeat(200));
  }
  fs.writeFileSync('file', '');
  fs.chmodSync('.', ${mode});`;
  execFileSync(process.execPath, ['-e', script], { cwd: tree });
}

it('removes a tree that is deeper than any path', async () => {
  deep(0o755);
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
});

it('removes what a guest has locked, and follows no link', async () => {
  deep(0);
  const outside = join(root, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), '');
  chmodSync(outside, 0o500);
  symlinkSync(outside, join(tree, 'link'));
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
  expect(existsSync(join(outside, 'precious'))).toBe(true);
});

it('removes what another program still writes a note into', async () => {
  for (let round = 0; round < 20; round += 1) {
    const busy = join(root, `busy-${round}`);
    mkdirSync(busy);
    const script = 'echo up; i=0; while [ $i -lt 200 ] && : > note-$i; do i=$((i+1)); done 2>/dev/null';
    const writer = spawn('sh', ['-c', script], { cwd: busy, stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(writer, 'exit');
    await once(writer.stdout, 'data');
    await removeTree(busy);
    expect(existsSync(busy)).toBe(false);
    await ended;
  }
});

it('takes what is not there for removed', async () => {
  rmSync(tree, { recursive: true });
  await expect(removeTree(tree)).resolves.toBeUndefined();
});
