import { randomBytes } from 'node:crypto';
import { createAppleContainerAdapter } from '@sandbox/adapter-apple-container';
import { LABEL, type RuntimeAdapter, type SandboxSpec } from '@sandbox/core';
import { agentArtifact, agentPath } from '@sandbox/guest';
import { containerDouble } from '@sandbox/testbed/apple-container';
import { ownScope } from '@sandbox/testbed/own-scope';

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/).filter(Boolean);

/** Whether these tests run: only where SANDBOX_RUNTIMES names it; then its absence is a failure. */
export const here = named.includes('apple-container');

/** The label of everything that these tests make. */
export const scope = ownScope('apple-container');

/** On a Mac the real program, elsewhere the double. */
export function appleContainerForTests(): RuntimeAdapter {
  return createAppleContainerAdapter(process.platform === 'darwin' ? {} : { program: containerDouble });
}

export function sandboxSpec(change: Partial<SandboxSpec> = {}): SandboxSpec {
  const name = change.name ?? `sandbox-apple-${randomBytes(6).toString('hex')}`;
  const lifecycle = change.lifecycle ?? 'ephemeral';
  const agent = agentArtifact();
  return {
    name,
    lifecycle,
    root: { type: 'image', image: 'debian:bookworm-slim', readOnly: lifecycle === 'ephemeral' },
    argv: [agentPath(agent.digest), lifecycle === 'ephemeral' ? 'session' : 'init'],
    env: { HOME: '/tmp' },
    workdir: '/',
    user: { uid: 1000, gid: 1000, allowRoot: false },
    mounts: [],
    agent,
    limits: {
      memoryBytes: null,
      cpus: null,
      pids: null,
      openFiles: null,
      fileSizeBytes: null,
      diskBytes: null,
    },
    network: 'none',
    security: { capabilities: [], noNewPrivileges: false, seccomp: false },
    ...change,
    labels: { [LABEL.lifecycle]: lifecycle, [LABEL.scope]: scope, ...change.labels },
  };
}
