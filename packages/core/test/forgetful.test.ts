import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryRegistry, createSandboxes } from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';
import { until } from './support/processes.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'forgetful-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function program(script: string) {
  const child = spawn(process.execPath, ['--experimental-strip-types', '--input-type=module', '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  });
  const header = `
    import { createSandboxes } from '${join(import.meta.dirname, '../src/index.ts')}';
    import { createPlainAdapter } from '${join(import.meta.dirname, 'support/plain-adapter.ts')}';
    const sandboxes = createSandboxes({ adapter: createPlainAdapter({ directory: '${base}' }) });
  `;
  child.stdin.end(header + script);
  return child;
}

describe('a program that forgets close()', () => {
  it('ends by itself, and its ephemeral sandbox with it', async () => {
    const child = program(`
      const box = await sandboxes.create();
      const workspace = '${base}/w';
      await import('node:fs/promises').then(({ mkdir }) => mkdir(workspace));
      const kept = await sandboxes.open({ workspace, policy: { workspaceAccess: 'none' } });
      await box.exec(['true']);
      await kept.exec(['true']);
      console.log(box.name, kept.name);
    `);
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
    expect(code).toBe(0);
    const [ephemeral, kept] = printed.trim().split(' ');
    const adapter = createPlainAdapter({ directory: base });
    await until(async () => (await adapter.list({})).length === 1, 'the ephemeral one is gone');
    expect((await adapter.list({}))[0]?.name).toBe(kept);
    expect(ephemeral).toMatch(/^sandbox-run-/);
    await adapter.remove(kept as string, { volumes: true });
  });

  it('waits for a command that runs', async () => {
    const child = program(`
      const box = await sandboxes.create();
      box.exec(['sh', '-c', 'sleep 1; echo done']).then(({ stdout }) => console.log(stdout));
    `);
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
    expect(printed).toBe('done\n\n');
  });
});

describe('a program that is killed', () => {
  it('leaves nothing that the next cleanup does not find, and costs no long-lived sandbox', async () => {
    const child = program(`
      import { mkdirSync } from 'node:fs';
      mkdirSync('${base}/w');
      const kept = await sandboxes.open({ workspace: '${base}/w', policy: { workspaceAccess: 'none' } });
      await sandboxes.create();
      await sandboxes.create({ start: false });
      console.log(kept.name);
      setInterval(() => {}, 1000);
    `);
    const [name] = await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const adapter = createPlainAdapter({ directory: base });
    const sandboxes = createSandboxes({ adapter, registry: createMemoryRegistry() });
    const dry = await sandboxes.cleanup({ dryRun: true });
    expect(dry.removed.length).toBeGreaterThanOrEqual(1);
    const report = await sandboxes.cleanup();
    expect(report.failed).toEqual([]);
    expect((await sandboxes.list()).map((details) => details.name)).toEqual([String(name).trim()]);
    await (await sandboxes.get(String(name).trim())).remove();
    await sandboxes.close();
  });
});
