import { randomBytes } from 'node:crypto';
import { createDockerAdapter, type DockerAdapterOptions } from '@sandbox/adapter-docker';
import { LABEL, type RuntimeAdapter, type SandboxSpec } from '@sandbox/core';
import { agentArtifact, agentPath } from '@sandbox/guest';
import { ownScope } from '@sandbox/testbed/own-scope';

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/).filter(Boolean);

/** Whether these tests run: Docker is here, or SANDBOX_RUNTIMES names it, so that its absence is a failure. Named without it: they do not. */
export async function dockerIsHere(): Promise<boolean> {
  if (named.length > 0) return named.includes('docker');
  const adapter = createDockerAdapter();
  try {
    return (await adapter.probe()).status === 'healthy';
  } finally {
    await adapter.close();
  }
}

/** The label of everything that these tests make. */
export const scope = ownScope('docker');

export const IMAGE = 'debian:bookworm-slim';

export function sandboxSpec(change: Partial<SandboxSpec> = {}): SandboxSpec {
  const name = change.name ?? `sandbox-docker-${randomBytes(6).toString('hex')}`;
  const lifecycle = change.lifecycle ?? 'ephemeral';
  const agent = agentArtifact();
  return {
    name,
    lifecycle,
    root: { type: 'image', image: IMAGE, readOnly: lifecycle === 'ephemeral' },
    argv: [agentPath(agent.digest), lifecycle === 'ephemeral' ? 'session' : 'init'],
    env: { HOME: '/home/sandbox' },
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
    security: { capabilities: [], noNewPrivileges: true, seccomp: true },
    ...change,
    labels: { [LABEL.lifecycle]: lifecycle, [LABEL.scope]: scope, ...change.labels },
  };
}

/** An adapter, and a way to remove all that was made through it. */
export function dockerForTests(options?: DockerAdapterOptions): {
  adapter: RuntimeAdapter;
  cleanUp(): Promise<void>;
} {
  const adapter = createDockerAdapter(options);
  return {
    adapter,
    async cleanUp() {
      for (const { name } of await adapter.list({ [LABEL.scope]: scope })) {
        await adapter.remove(name, { volumes: true });
      }
      for (const { name } of (await adapter.volumes?.list({ [LABEL.scope]: scope })) ?? []) {
        await adapter.volumes?.remove(name);
      }
      await adapter.close();
    },
  };
}

/** Runs a process to its end, with nothing on its stdin. */
export async function outputOf(
  adapter: RuntimeAdapter,
  name: string,
  argv: readonly string[],
  user?: { uid: number; gid: number },
): Promise<{ stdout: string; stderr: string; exitCode: number | null }> {
  const process = await adapter.exec(name, { argv, ...(user && { user }) });
  process.stdin.end();
  const [stdout, stderr] = await Promise.all([process.stdout.toArray(), process.stderr.toArray()]);
  const { exitCode } = await process.wait();
  return { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), exitCode };
}
