import { randomBytes } from 'node:crypto';
import type { Capabilities, Control, ProbeResult, RootSpec, SandboxSpec } from '@sandbox/core';
import { agentArtifact } from '@sandbox/guest';
import type { ConformanceOptions } from './options.ts';

export type SpecOverrides = {
  readonly [Key in keyof Omit<SandboxSpec, 'limits' | 'security'>]?: SandboxSpec[Key];
} & {
  readonly limits?: Partial<SandboxSpec['limits']>;
  readonly security?: Partial<SandboxSpec['security']>;
};

export function supports(capabilities: Capabilities, control: Control): boolean {
  return capabilities.controls[control].support !== 'unsupported';
}

export const noLimits: SandboxSpec['limits'] = {
  memoryBytes: null,
  cpus: null,
  pids: null,
  openFiles: null,
  fileSizeBytes: null,
  diskBytes: null,
};

export function rootOf(options: ConformanceOptions, capabilities: Capabilities): RootSpec {
  if (options.root) return options.root;
  if (options.image) return { type: 'image', image: options.image, readOnly: false };
  return capabilities.facets.images.support === 'unsupported'
    ? { type: 'host', readOnly: false }
    : { type: 'image', image: 'debian:bookworm-slim', readOnly: false };
}

/** An id that every guest of this runtime can have: 1000, or the one that is the caller. */
export function guestUser(probe: ProbeResult): { uid: number; gid: number } {
  const mapping = probe.idMapping;
  if (probe.capabilities.controls.user.support === 'enforced' || mapping?.type !== 'caller') {
    return { uid: 1000, gid: 1000 };
  }
  return { uid: mapping.guestUid, gid: mapping.guestGid };
}

/** A small sandbox with all confinement that the runtime has, and no limits. */
export function baseSpec(
  options: ConformanceOptions,
  probe: ProbeResult,
  scope: string,
  overrides: SpecOverrides = {},
): SandboxSpec {
  const { capabilities } = probe;
  const name = overrides.name ?? `sandbox-conformance-${randomBytes(6).toString('hex')}`;
  const lifecycle = overrides.lifecycle ?? 'ephemeral';
  return {
    lifecycle,
    root: rootOf(options, capabilities),
    argv: ['/bin/sh', '-c', 'exec cat'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/tmp' },
    workdir: '/tmp',
    user: { ...guestUser(probe), allowRoot: false },
    mounts: [],
    agent: options.agent ?? agentArtifact(),
    network: supports(capabilities, 'network-none') ? 'none' : 'full',
    ...overrides,
    name,
    labels: {
      'dev.sandbox.managed': 'true',
      'dev.sandbox.name': name,
      'dev.sandbox.lifecycle': lifecycle,
      'dev.sandbox.scope': scope,
      ...overrides.labels,
    },
    limits: { ...noLimits, ...overrides.limits },
    security: {
      capabilities: supports(capabilities, 'capabilities') ? [] : null,
      noNewPrivileges: supports(capabilities, 'no-new-privileges'),
      seccomp: supports(capabilities, 'seccomp'),
      ...overrides.security,
    },
  };
}
