import { readFileSync } from 'node:fs';
import { cachedFile } from '@sandbox/podman-client';

interface Rule {
  readonly names?: readonly string[];
  readonly action: string;
  readonly args?: readonly object[] | null;
  readonly errnoRet?: number;
  readonly includes?: { readonly caps?: readonly string[] };
}

export interface SeccompProfile {
  readonly syscalls?: readonly Rule[];
}

/** What makes namespaces and mounts. */
const MAKERS = [
  ...[
    'unshare',
    'setns',
    'mount',
    'mount_setattr',
    'move_mount',
    'open_tree',
    'umount',
    'umount2',
    'pivot_root',
  ],
  ...['fsopen', 'fsconfig', 'fsmount', 'fspick'],
];
/** Flags of `clone` that make namespaces. */
const NAMESPACE_FLAGS = 0x7e020000;

/** Podman's own filter lets a guest make user namespaces and mount in them, for containers in containers. Docker's does not, and neither does this. Pure. */
export function withoutNamespaces(profile: SeccompProfile): SeccompProfile {
  const apart = new Set([...MAKERS, 'clone', 'clone3']);
  const kept = (profile.syscalls ?? []).map((rule) =>
    rule.action !== 'SCMP_ACT_ALLOW' || rule.includes?.caps?.length
      ? rule
      : { ...rule, names: rule.names?.filter((name) => !apart.has(name)) ?? [] },
  );
  const refused = (names: readonly string[], errnoRet: number): Rule => ({
    names,
    action: 'SCMP_ACT_ERRNO',
    args: [],
    errnoRet,
  });
  const ordinary = { index: 0, value: NAMESPACE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' };
  const syscalls = [
    ...kept.filter(({ names }) => names?.length !== 0),
    { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [ordinary] },
    // "Not implemented": C libraries then take `clone`, whose flags a filter can see.
    refused(['clone3'], 38),
  ];
  return { ...profile, syscalls };
}

/** A file with that filter, made of the one at `path`, where Podman can read it; undefined where there is none to read here. */
export function seccompProfileFile(path: string): string | undefined {
  try {
    const profile = withoutNamespaces(JSON.parse(readFileSync(path, 'utf8')) as SeccompProfile);
    return cachedFile('podman-seccomp-*.json', JSON.stringify(profile));
  } catch {
    return undefined;
  }
}
