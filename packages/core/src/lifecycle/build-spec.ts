import { posix } from 'node:path';
import type { ImageInfo } from '../adapter/images.ts';
import type { AgentSpec, SandboxSpec } from '../adapter/spec.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { validateName } from '../naming/names.ts';
import { validateCommand, validateEnv } from '../policy/command.ts';
import type { EnforcementPlan } from '../policy/plan-enforcement.ts';
import type { Lifecycle } from '../policy/policy.ts';
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

/** What the root file system is made of. Whether it is read-only, the plan says. */
export type RootSource =
  | { readonly type: 'image'; readonly image: string }
  | { readonly type: 'directory'; readonly path: string }
  | { readonly type: 'host' };

/** What lies at `/workspace`. `path` is the real path that `checkWorkspace` returned. */
export type WorkspaceSource =
  | { readonly type: 'directory'; readonly path: string }
  | {
      readonly type: 'volume';
      readonly volume: string;
      /** Of its own, so that it outlives the sandbox. */
      readonly labels: Readonly<Record<string, string>>;
    };

/** As much of an image as a sandbox takes over. */
export type UsedOfImage = Pick<ImageInfo, 'env' | 'workdir' | 'volumes'>;

export interface SpecRequest {
  readonly name: string;
  /** As `labelsFor` makes them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly lifecycle: Lifecycle;
  readonly plan: EnforcementPlan;
  /** Default: the policy's image. */
  readonly root?: RootSource | undefined;
  /** What the runtime knows of the image; its ENV, WORKDIR and VOLUMEs are used. */
  readonly image?: UsedOfImage | undefined;
  readonly workspace?: WorkspaceSource | null | undefined;
  /** As `guestIdentity` decides. */
  readonly identity: GuestUser;
  readonly agent: AgentSpec;
  /** The main process. */
  readonly argv: readonly string[];
  /** Of this request; over the policy's. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Absolute. Default: `/workspace` where something is mounted there, else the image's WORKDIR, else HOME. */
  readonly workdir?: string | undefined;
}

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
