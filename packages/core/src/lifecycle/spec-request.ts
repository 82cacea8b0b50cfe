import type { ImageInfo } from '../adapter/images.ts';
import type { AgentSpec } from '../adapter/spec.ts';
import type { EnforcementPlan } from '../policy/plan-enforcement.ts';
import type { Lifecycle } from '../policy/policy.ts';
import type { GuestUser } from '../policy/user.ts';

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
