import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentSpec } from '@sandbox/core';
import { agentArtifact } from '@sandbox/guest';
import { afterAll } from 'vitest';
import type { JailRuntime } from './jail-runtime.ts';

/** What such a user of the tests has: a copy of the agent, wherever the checkout is. */
export let agent: AgentSpec | undefined;

/**
 * Makes this process an ordinary user's for good, where it is root's: vitest runs each test file in a process of its own. What that user needs is put where
 * it can be reached.
 */
export function becomeOrdinaryUser({ runtime, copyProgram }: JailRuntime, id = 1000): void {
  const directory = mkdtempSync(join(tmpdir(), `${runtime}-user-`));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const { digest, version, path } = agentArtifact();
  const copy = join(directory, 'agent');
  cpSync(path(process.arch === 'arm64' ? 'arm64' : 'amd64'), copy);
  chmodSync(copy, 0o755);
  agent = { digest, version, path: () => copy } as AgentSpec;
  process.env.SANDBOX_STATE_DIR = directory;
  copyProgram?.(directory);
  if (process.getuid?.() !== 0) return;
  execFileSync('chown', ['-R', `${id}:${id}`, directory]);
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}
