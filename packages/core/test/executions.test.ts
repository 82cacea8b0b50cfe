import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createSandboxes, type Execution, type Sandboxes, type SandboxesOptions } from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';

let executions: Execution[] = [];
afterEach(() => {
  executions = [];
});

const sh = (script: string) => ['sh', '-c', script];
const managed = (options: Partial<SandboxesOptions> = {}): Sandboxes =>
  createSandboxes({
    adapter: createPlainAdapter(),
    onExecution: (execution) => void executions.push(execution),
    ...options,
  });

it('is told of each command, however it was run', async () => {
  const sandboxes = managed();
  const purpose = { language: 'sh', project: 'web' };
  await sandboxes.run(sh('echo out; echo err >&2; exit 3'), { user: 'ann', purpose });
  const box = await sandboxes.create({ user: 'ann', purpose });
  await box.exec(['true'], { purpose: { language: 'python', task: 'fix' } });
  await box.shell`exit ${'7'}`;
  await box.restricted().exec(sh('kill -SEGV $$'));
  const spawned = await box.spawn(sh('head -c 100000 /dev/zero; echo late >&2'));
  let read = 0;
  for await (const chunk of spawned.stdout) read += chunk.length;
  await spawned.wait();
  const shell = await box.spawn(['cat'], { terminal: true, timeoutMs: 50 });
  await shell.wait();
  await sandboxes.close();

  expect(read).toBe(100_000);
  const { name, runtime } = box;
  expect(executions[0]).toEqual({
    ...{ operation: 'run', startedAt: expect.any(Date), durationMs: expect.any(Number), user: 'ann' },
    ...{
      project: 'web',
      task: null,
      language: 'sh',
      runtime,
      sandbox: expect.stringMatching(/^sandbox-run-/),
    },
    ...{ lifecycle: 'ephemeral', terminal: false, ending: 'exited', errorCode: null, exitCode: 3 },
    ...{ peakMemoryBytes: expect.any(Number), cpuMs: expect.any(Number), stdoutBytes: 4, stderrBytes: 4 },
    ...{ argv: null, env: null },
  });
  const common = { user: 'ann', project: 'web', runtime, sandbox: name };
  expect(executions.slice(1)).toMatchObject([
    { ...common, operation: 'exec', language: 'python', task: 'fix', exitCode: 0 },
    { ...common, operation: 'exec', language: 'sh', exitCode: 7 },
    { ...common, operation: 'exec', ending: 'signaled', exitCode: null },
    { ...common, operation: 'spawn', stdoutBytes: 100_000, stderrBytes: 5, terminal: false },
    { ...common, operation: 'spawn', ending: 'timed-out', terminal: true },
  ]);
});

it('is told of what could not be run, and of sandboxes that could not be had', async () => {
  const sandboxes = managed();
  const box = await sandboxes.create();
  await expect(sandboxes.run(['a\0b'], { user: 'ann' })).rejects.toThrow();
  await expect(sandboxes.run(['true'], { image: 'none', runtime: 'other' })).rejects.toThrow();
  await expect(sandboxes.create({ user: 'bob', policy: { memoryBytes: -1 } })).rejects.toThrow();
  await expect(sandboxes.open({ workspace: '/nowhere/at/all', purpose: { project: 'p' } })).rejects.toThrow();
  await expect(box.exec([''])).rejects.toThrow();
  await expect(box.spawn(['true'], { cwd: '' })).rejects.toThrow();
  await expect(box.exec(['false'], { check: true })).rejects.toThrow('exited with 1');
  await expect(box.exec(['true'], { signal: AbortSignal.abort() })).rejects.toThrow();
  await box.remove();
  await expect(box.exec(['true'])).rejects.toThrow();
  await sandboxes.close();
  const outcome = ({ operation, user, ending, errorCode }: Execution) =>
    [operation, user, ending ?? errorCode].join(' ');
  expect(executions.map(outcome)).toEqual([
    'run ann INVALID_ARGUMENT',
    expect.stringMatching(/^run {2}[A-Z_]+$/),
    'create bob INVALID_ARGUMENT',
    expect.stringMatching(/^open {2}[A-Z_]+$/),
    'exec  INVALID_ARGUMENT',
    'spawn  INVALID_ARGUMENT',
    'exec  exited',
    'exec  DEADLINE_EXCEEDED',
    'exec  FAILED_PRECONDITION',
  ]);
  expect(executions[1]?.runtime).toBe('other');
  expect(executions[3]?.project).toBe('p');
});

// A guest of a project is neither this user nor root.
it.runIf(process.getuid?.() === 0)(
  'is told of kept sandboxes whose they are, and that a detached command was started',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'executions-'));
    // Guests must get to what lies in it.
    chmodSync(directory, 0o755);
    const adapter = createPlainAdapter({ directory });
    const sandboxes = managed({ adapter });
    const policy = { bestEffort: ['read-only-root'] } as const;
    const box = await sandboxes.open({ project: 'web', task: 'fix', user: 'ann', policy });
    const detached = await box.spawn(['true'], { detached: true, purpose: { language: 'sh' } });
    await detached.wait();
    await (await sandboxes.get(box.name, { user: 'ann' })).exec(['true']);
    await (await sandboxes.get(box.name)).exec(['true']);
    await sandboxes.endTask('web', 'fix');
    await sandboxes.close();
    for (const volume of (await adapter.volumes?.list({})) ?? []) await adapter.volumes?.remove(volume.name);
    rmSync(directory, { recursive: true, force: true });
    const common = { user: 'ann', project: 'web', task: 'fix', sandbox: box.name, lifecycle: 'long-lived' };
    expect(executions).toMatchObject([
      { ...common, operation: 'detached', language: 'sh', ending: null, errorCode: null, durationMs: null },
      { ...common, operation: 'exec', ending: 'exited' },
      { ...common, operation: 'exec', ending: 'exited' },
    ]);
  },
);

it('is told of a command that is running when its sandbox goes', async () => {
  const sandboxes = managed();
  const box = await sandboxes.create();
  await box.spawn(['sleep', '60']);
  await sandboxes.close();
  expect(executions).toMatchObject([{ operation: 'spawn', ending: 'lost', cpuMs: null }]);
});

it('gets words and variables where they were asked for', async () => {
  const sandboxes = managed({ executionDetails: ['argv', 'env'] });
  await sandboxes.run(['sh', '-c', ':'], { env: { TOKEN: 't' } });
  await sandboxes.close();
  expect(executions).toMatchObject([{ argv: ['sh', '-c', ':'], env: { TOKEN: 't' } }]);
});

it('does not hold up a command, whatever it does', async () => {
  const sandboxes = managed({
    onExecution: () => {
      executions.push({} as Execution);
      if (executions.length % 2 === 0) throw new Error('broken');
      return new Promise(() => {});
    },
  });
  const warned = new Promise((resolve) => process.once('warning', resolve));
  const box = await sandboxes.create();
  const begun = performance.now();
  for (let each = 0; each < 20; each += 1) expect((await box.exec(['true'])).exitCode).toBe(0);
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(await warned).toMatchObject({ code: 'SANDBOX_ON_EXECUTION' });
  await sandboxes.close();
  expect(executions).toHaveLength(20);
});
