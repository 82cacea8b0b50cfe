import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { createSandboxes } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/parse-config.ts';
import { callerSettings } from '../src/resolve.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const readme = readFileSync(at('../README.md'), 'utf8');
const dockerIsNamed = (process.env.SANDBOX_RUNTIMES ?? '').split(',').includes('docker');

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(readme)?.[1];
  if (found === undefined) throw new Error(`README.md has no block of ${language}`);
  return found;
}

/** The example as a file of this package, where its imports are found. */
function writeExample(): string {
  mkdirSync(at('../dist/readme'), { recursive: true });
  writeFileSync(at('../dist/readme/example.ts'), block('ts'));
  return at('../dist/readme/example.ts');
}

describe('README.md', () => {
  it('has a file that is right', () => {
    const config = parseConfig(block('toml'), 'README.md');
    expect(callerSettings(config, { cron: 'nightly' })).toMatchObject({
      ...{ user: 'alice', trust: 'full', lifecycle: 'ephemeral' },
      layers: { ephemeral: [{ values: {} }, { values: { memoryBytes: 8 * 2 ** 30 } }, {}] },
    });
  });

  it('has an example that compiles', () => {
    const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--skipLibCheck'];
    const lib = ['--lib', 'es2024,esnext.disposable', '--types', 'node', '--ignoreConfig'];
    const tsc = at('../../../node_modules/.bin/tsc');
    const { status, stdout } = spawnSync(tsc, [...options, ...lib, writeExample()], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it.skipIf(!dockerIsNamed)('has an example that runs, goes by the file, and ends', () => {
    const directory = mkdtempSync(join(tmpdir(), 'readme-'));
    const file = join(directory, 'sandbox.toml');
    writeFileSync(file, '[[users]]\nname = "alice"\nsandbox = { env = { GREETING = "hello" } }\n');
    const env = { ...process.env, SANDBOX_CONFIG: file };
    const printed = execFileSync(process.execPath, [writeExample()], { encoding: 'utf8', env });
    expect(printed).toBe('hello\n');
    rmSync(directory, { recursive: true });
  });

  it.skipIf(!dockerIsNamed)('has lines that find what is ours without us', async () => {
    const lines = readme.split('\n').filter((line) => line.startsWith('    docker '));
    expect(lines).toHaveLength(3);
    const scope = `${process.env.SANDBOX_SCOPE ?? 'test'}-readme-${process.pid}`;
    await using sandboxes = createSandboxes({ adapter: createDockerAdapter(), scope });
    await using box = await sandboxes.create({ start: false, user: 'alice' });
    const [all, one, volumes] = lines.map((line) => execFileSync('sh', ['-c', line], { encoding: 'utf8' }));
    expect(all).toContain(box.name);
    expect(one).toMatch(new RegExp(`^${box.name} .*Created$`, 'm'));
    expect(volumes).toContain('sandbox-agent');
  });
});
