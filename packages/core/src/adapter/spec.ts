/**
 * All that an adapter needs to make a sandbox: fully resolved, no defaults left to guess, nothing to look up. An adapter
 * does what it says or throws; it never leaves a part of it out.
 */
export interface SandboxSpec {
  readonly name: string;
  /** Put on the sandbox and on all that belongs to it (volumes, networks). Keys start with `dev.sandbox.`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly lifecycle: 'ephemeral' | 'long-lived';
  readonly root: RootSpec;
  /** The main process. Replaces the image's command and entry point. Never interpreted by a shell. */
  readonly argv: readonly string[];
  /** Laid over the image's ENV; nothing of the host's environment gets in. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the main process and every command starts; exists in the guest, or is made. */
  readonly workdir: string;
  readonly user: UserSpec;
  readonly mounts: readonly MountSpec[];
  /** Mounted read-only at `/.sandbox`: a directory named by `digest` that holds the file `agent`, mode 0111, owner 0. */
  readonly agent: AgentSpec;
  readonly limits: LimitsSpec;
  readonly network: 'none' | 'full';
  readonly security: SecuritySpec;
}

/** `image`: an OCI image reference. `directory`: an unpacked root file system on the host. `host`: the host's own programs (`/usr`, and what links
 * to it), always read-only; without `readOnly` it has `/home`, `/opt`, `/root`, `/run`, `/srv`, `/tmp` and `/var` of its own, which can be written. `/proc`, `/dev` and `/sys` are the runtime's to
 * make for every type. Core gives `host` to a runtime without images, where no root file system was named. A type that a
 * runtime cannot have is `UNSUPPORTED`.
 */
export type RootSpec =
  | { readonly type: 'image'; readonly image: string; readonly readOnly: boolean }
  | { readonly type: 'directory'; readonly path: string; readonly readOnly: boolean }
  | { readonly type: 'host'; readonly readOnly: boolean };

export interface UserSpec {
  /** Ids inside of the guest. */
  readonly uid: number;
  readonly gid: number;
  /** A sandbox that may be entered as root (`exec` with another user) keeps what a package manager needs. */
  readonly allowRoot: boolean;
}

export type MountSpec =
  | {
      readonly type: 'bind';
      /** Real path on the host; exists; checked by core. */
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | {
      readonly type: 'volume';
      /** Name of a volume of ours; made where it is not there. */
      readonly volume: string;
      /** Put on one that is made, with `dev.sandbox.managed=true`. Default: the sandbox's, with its name, by which it is removed with it. */
      readonly labels?: Readonly<Record<string, string>> | undefined;
      readonly target: string;
      readonly readOnly: boolean;
      /** Ids that own the volume's root directory, given before the first start. */
      readonly owner: { readonly uid: number; readonly gid: number };
    }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly sizeBytes: number;
      /** Permission bits, such as 0o1777. */
      readonly mode: number;
      readonly owner: { readonly uid: number; readonly gid: number };
      /** Whether programs may be run from it. Always nosuid and nodev. */
      readonly exec: boolean;
    };

export interface AgentSpec {
  /** Content hash; also the directory's name in the guest: `/.sandbox/<digest>/agent`. */
  readonly digest: string;
  /** Path on the host of the binary for a guest architecture. It may be unreadable for others, and may move: copy it, never mount it. */
  path(architecture: 'amd64' | 'arm64'): string;
}

/** `null` is "no limit asked for" and only there where the policy left it open. */
export interface LimitsSpec {
  /** Memory and swap together. */
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  /** The user's number plus what the agent takes. */
  readonly pids: number | null;
  readonly openFiles: number | null;
  readonly fileSizeBytes: number | null;
  /** Of the writable root; null unless somebody asked for it. */
  readonly diskBytes: number | null;
}

export interface SecuritySpec {
  /** Names without `CAP_`, the whole bounding set: empty for `strict`. Null: not asked for, the runtime's default stays. */
  readonly capabilities: readonly string[] | null;
  readonly noNewPrivileges: boolean;
  /** The runtime's own default filter. */
  readonly seccomp: boolean;
}
