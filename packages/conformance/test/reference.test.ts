import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runConformance } from '../src/index.ts';
import { createReferenceAdapter } from '../src/reference/index.ts';

const directory = join(tmpdir(), `sandbox-reference-${randomUUID()}`);
afterAll(() => rm(directory, { recursive: true, force: true }));

runConformance({
  name: 'the reference adapter',
  describe,
  it,
  expect,
  afterAll,
  createAdapter: () => createReferenceAdapter({ directory }),
});
