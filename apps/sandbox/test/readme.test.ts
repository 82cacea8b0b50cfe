import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dockerIsNamed, start } from './app.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const readme = readFileSync(at('../../../README.md'), 'utf8');

/** The example as a file of this package, where its imports are found. */
function writeExample(): string {
  const code = /<!-- example:.*?```ts\n(.*?)```\n<!-- \/example -->/s.exec(readme)?.[1];
  if (code === undefined) throw new Error('README.md has no example');
  const file = at('../dist/readme/example.ts');
  mkdirSync(at('../dist/readme'), { recursive: true });
  writeFileSync(file, code);
  return file;
}

describe('README.md', () => {
  it('has the table of adapters as the adapters say', async () => {
    const script = at('../scripts/readme-table.ts');
    const { exitCode, stderr } = await start([process.execPath, script, '--check'], { input: '' }).result;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it('has an example that compiles', async () => {
    const file = writeExample();
    const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--skipLibCheck'];
    const lib = ['--lib', 'es2024,esnext.disposable', '--types', 'node', '--ignoreConfig'];
    const tsc = at('../../../node_modules/.bin/tsc');
    const { exitCode, stdout } = await start([tsc, ...options, ...lib, file], { input: '' }).result;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: '' });
  });

  it.skipIf(!dockerIsNamed)('has an example that runs, and ends', async () => {
    const { exitCode, stdout, stderr } = await start([process.execPath, writeExample()], { input: '' })
      .result;
    expect({ exitCode, stdout: stdout.toString(), stderr }).toEqual({
      exitCode: 0,
      stdout: 'exited 3 hello\n enforced\nFROM THE HOST\n',
      stderr: '',
    });
  });
});
