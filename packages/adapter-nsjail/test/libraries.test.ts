import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import { isHere } from '@sandbox/jail-tests';
import { expect, onTestFinished, test } from 'vitest';
import { nsjail } from './nsjail.ts';

test.runIf(await isHere(nsjail))('nsjail without its libraries is explained', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nsjail-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const copy = join(directory, 'nsjail');
  const { endpoint } = await createNsjailAdapter().probe();
  copyFileSync(endpoint ?? '', copy);
  const alone = await createNsjailAdapter({ binary: copy }).probe();
  // A distribution's own has its libraries in the system.
  if (alone.status === 'healthy') return;
  expect(alone).toMatchObject({ status: 'unhealthy', remedy: expect.stringContaining('libraries') });
});
