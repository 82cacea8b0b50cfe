import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { createSandboxes } from '@sandbox/core';
import { expect, it } from 'vitest';
import { openConfig } from '../src/index.ts';

const dockerIsNamed = (process.env.SANDBOX_RUNTIMES ?? '').split(',').includes('docker');

it.skipIf(!dockerIsNamed)('what changes in the file holds from the next call on', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reload-'));
  const file = join(directory, 'sandbox.toml');
  writeFileSync(file, '[sandbox.env]\nGREETING = "one"\n');
  let reloaded = Promise.withResolvers<void>();
  const edit = async (text: string) => {
    reloaded = Promise.withResolvers();
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
    await reloaded.promise;
  };
  using config = await openConfig({
    ...{ file, watch: { intervalMs: 10 } },
    onReload: () => reloaded.resolve(),
    onProblem: () => reloaded.resolve(),
  });
  const scope = `${process.env.SANDBOX_SCOPE ?? 'test'}-reload-${process.pid}`;
  await using sandboxes = createSandboxes({ adapter: createDockerAdapter(), settings: config, scope });
  const greeting = async () => (await sandboxes.run(['printenv', 'GREETING'], { user: 'ann' })).stdout.trim();
  const off = { code: 'FAILED_PRECONDITION', message: expect.stringContaining(file) };

  expect(await greeting()).toBe('one');
  await edit('[[users]]\nname = "ann"\n[users.sandbox.env]\nGREETING = "two"\n');
  expect(await greeting()).toBe('two');
  // A mistake changes nothing.
  await edit('[sandbox]\nenable = false\n');
  expect(await greeting()).toBe('two');
  await using open = await sandboxes.create();
  expect((await open.exec(['true'])).exitCode).toBe(0);
  await edit('[sandbox]\nenabled = false\n');
  await expect(greeting()).rejects.toMatchObject(off);
  await expect(open.exec(['true'])).rejects.toMatchObject(off);
  await edit('[sandbox]\nenabled = true\n');
  expect((await open.exec(['true'])).exitCode).toBe(0);
  rmSync(directory, { recursive: true });
});
