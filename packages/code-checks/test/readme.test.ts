import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readmeFile, withTable } from '../scripts/readme-table.ts';

const readme = readFileSync(readmeFile, 'utf8');

it('the table of the README has the rules', () => {
  expect(withTable(readme)).toBe(readme);
});

it('the example of the README prints what it says', async () => {
  const example = /<!-- example.*?```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const said = example.split('\n').filter((line) => line.startsWith('// '));
  // A machine that is busy with other tests is slow.
  const program = example.replace(`path: 'main.py' }`, `path: 'main.py', timeoutMs: 60_000 }`);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
  });
  expect(stdout.trimEnd().split('\n')).toEqual(said.map((line) => line.slice(3)));
});
