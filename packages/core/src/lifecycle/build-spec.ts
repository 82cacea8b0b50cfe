import { posix } from 'node:path';
import type { SandboxSpec } from '../adapter/spec.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { validateName } from '../naming/names.ts';
import { validateCommand, validateEnv } from '../policy/command.ts';
import type { GuestUser } from '../policy/user.ts';
import { buildMounts } from './build-mounts.ts';
import {
  GUEST_HOME,
  GUEST_PATH,
  GUEST_TMP,
  GUEST_USER_NAME,
  GUEST_USER_PREFIX,
  GUEST_USER_PROGRAMS,
  GUEST_WORKSPACE,
} from './guest-layout.ts';
import type { SpecRequest, UsedOfImage } from './spec-request.ts';

/** All that an adapter needs, with nothing left to guess. `INVALID_ARGUMENT` for a bad name, environment or working directory. Pure. */
export function buildSpec(request: SpecRequest): SandboxSpec {
  const { plan, identity, lifecycle } = request;
  const { policy } = plan;
  const mounted = request.workspace != null && policy.workspaceAccess !== 'none';
  return {
    name: validateName(request.name),
    labels: request.labels,
    lifecycle,
    root: { ...(request.root ?? { type: 'image', image: policy.image }), readOnly: plan.readOnlyRoot },
    argv: validateCommand(request.argv),
    env: {
      // A runtime lays the environment over that of its image; of a directory it knows none.
      ...(request.root?.type === 'directory' && validateEnv(request.image?.env ?? {})),
      ...identityEnv(identity, request.image),
      ...(lifecycle === 'long-lived' && installerEnv(request.image)),
      ...validateEnv(policy.env),
      ...validateEnv(request.env ?? {}),
    },
    workdir: workdirFor(request, mounted),
    user: { ...identity, allowRoot: policy.allowRoot },
    mounts: buildMounts(request),
    agent: request.agent,
    limits: plan.limits,
    network: plan.network,
    security: plan.security,
  };
}

/** What a program expects to find. An image that sets PATH or LANG knows better where its programs are. */
function identityEnv({ uid }: GuestUser, image: UsedOfImage | undefined): Record<string, string> {
  return {
    HOME: GUEST_HOME,
    USER: uid === 0 ? 'root' : GUEST_USER_NAME,
    TMPDIR: GUEST_TMP,
    PATH: systemPath(image),
    LANG: image?.env?.LANG || 'C.UTF-8',
  };
}

/** Where the programs of an image are. Pure. */
export function systemPath(image: UsedOfImage | undefined): string {
  return image?.env?.PATH || GUEST_PATH;
}

/**
 * Where HOME is kept, what an ordinary user installs goes there and is found there, before what the image has of the same name. A Python that is managed by its distribution refuses that
 * otherwise: nothing of the system's is broken by it.
 */
function installerEnv(image: UsedOfImage | undefined): Record<string, string> {
  return {
    PATH: [...GUEST_USER_PROGRAMS, systemPath(image)].join(':'),
    NPM_CONFIG_PREFIX: GUEST_USER_PREFIX,
    PIP_BREAK_SYSTEM_PACKAGES: '1',
  };
}

function workdirFor({ workdir, image }: SpecRequest, mounted: boolean): string {
  if (workdir === undefined) {
    const own = image?.workdir && image.workdir !== '/' ? image.workdir : GUEST_HOME;
    return mounted ? GUEST_WORKSPACE : own;
  }
  if (workdir.startsWith('/') && !workdir.includes('\0')) return posix.normalize(workdir);
  throw new SandboxError('INVALID_ARGUMENT', `workdir: ${JSON.stringify(workdir)} is not an absolute path`, {
    operation: 'create',
    hint: `Give a path in the sandbox that starts at its root, such as ${GUEST_WORKSPACE}/src.`,
  });
}
