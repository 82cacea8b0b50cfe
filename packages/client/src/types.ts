// Made by packages/client/scripts/generate-types.ts from the OpenAPI document of the service: change that.

export interface CodeWarning {
  readonly kind: 'syntax' | 'dangerous-call' | 'secret' | 'size' | 'incomplete';
  /** Stable name. */
  readonly rule: string;
  readonly message: string;
  readonly path: string | null;
  /** From 1. Null: about the code as a whole. */
  readonly line: number | null;
  /** From 1, in UTF-16 code units. */
  readonly column: number | null;
}

export interface CreateSandbox {
  /** The language: `bash`, `python`, … */
  readonly runtime: string;
  /** What `execute` runs that names nothing else. */
  readonly code?: string | undefined;
  readonly files?: readonly File[] | undefined;
  /** The engine: `docker`, `podman`, `nsjail`, … Default: as configured. */
  readonly adapter?: string | undefined;
  readonly image?: string | undefined;
  /** Who commands run as inside: `1000`, `1000:1000`, `root`. */
  readonly user?: string | undefined;
  readonly limits?: Limits | undefined;
  readonly network?: 'none' | 'full' | undefined;
  readonly bestEffort?:
    | readonly (
        | 'memory'
        | 'cpus'
        | 'pids'
        | 'open-files'
        | 'file-size'
        | 'disk'
        | 'tmpfs-size'
        | 'read-only-root'
        | 'network-full'
        | 'capabilities'
        | 'no-new-privileges'
        | 'seccomp'
      )[]
    | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Default: ephemeral. Long-lived is the one sandbox of a workspace, or of a task of a project, which has the volume of its project at `/workspace`. */
  readonly lifecycle?: 'ephemeral' | 'long-lived' | undefined;
  /** Host directory for `/workspace`, in one of your `workspace_roots`. */
  readonly workspace?: string | undefined;
  readonly workspaceAccess?: 'rw' | 'ro' | 'none' | undefined;
  /** What it is for. With `task` it names a long-lived sandbox; an ephemeral one only bears it. */
  readonly project?: string | undefined;
  readonly task?: string | undefined;
  /** Keeps it for more executions. Default: it is removed after the first. */
  readonly keep?: boolean | undefined;
  /** Keeps it for so long, from its creation on. */
  readonly keepMs?: number | undefined;
}

export interface Directory {
  readonly path: string;
  readonly entries: readonly FileInfo[];
}

/** Null: no limit, or not known. */
export interface EffectiveLimits {
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  readonly pids: number | null;
  readonly openFiles: number | null;
  readonly fileSizeBytes: number | null;
  readonly diskBytes: number | null;
  readonly tmpfsBytes: number | null;
  readonly timeoutMs: number | null;
}

/** What was asked for and what really holds, control by control. */
export type Enforcement = Readonly<
  Record<
    string,
    {
      readonly requested: number | string | boolean | null;
      readonly effective: number | string | boolean | null;
      readonly status: 'enforced' | 'limited' | 'unsupported';
      readonly how: string;
      readonly source: 'default' | 'config' | 'user' | 'cron' | 'request';
    }
  >
>;

export interface Execute {
  readonly code?: string | undefined;
  /** A program, not a shell line. */
  readonly command?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly stdin?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Where it starts. Default: `/sandbox`. */
  readonly cwd?: string | undefined;
  readonly timeoutMs?: number | null | undefined;
}

export interface File {
  /** Relative to `/sandbox`, or absolute. Parents are made. */
  readonly path: string;
  readonly content: string;
  /** Of `content`. Default: utf8. */
  readonly encoding?: 'utf8' | 'base64' | undefined;
  readonly is_executable?: boolean | undefined;
}

export interface FileInfo {
  readonly name: string;
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device';
  readonly sizeBytes: number;
  /** Permission bits. */
  readonly mode: number;
  readonly modifiedAt: string;
  readonly target: string | null;
}

export interface Health {
  readonly status: 'ok' | 'closing';
  readonly version: string;
  /** Images that are made ready in the background: those of `prepull`. */
  readonly images?: Readonly<Record<string, 'missing' | 'pulling' | 'ready' | 'failed'>> | undefined;
  readonly [key: string]: unknown;
}

export interface Limits {
  /** Bytes, or with a unit: `"512m"`. */
  readonly memoryBytes?: number | string | undefined;
  readonly cpus?: number | null | undefined;
  readonly pids?: number | undefined;
  readonly openFiles?: number | undefined;
  /** Bytes, or with a unit: `"512m"`. */
  readonly fileSizeBytes?: number | string | null | undefined;
  /** Bytes, or with a unit: `"512m"`. */
  readonly diskBytes?: number | string | null | undefined;
  /** Bytes, or with a unit: `"512m"`. */
  readonly tmpfsBytes?: number | string | undefined;
  /** Milliseconds, or with a unit: `"30s"`. */
  readonly timeoutMs?: number | string | null | undefined;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code:
    | 'INVALID_ARGUMENT'
    | 'UNSUPPORTED'
    | 'NOT_FOUND'
    | 'ALREADY_EXISTS'
    | 'FAILED_PRECONDITION'
    | 'UNAVAILABLE'
    | 'PERMISSION_DENIED'
    | 'RESOURCE_EXHAUSTED'
    | 'DEADLINE_EXCEEDED'
    | 'UNKNOWN';
  readonly hint: string | null;
  readonly lastResult?: Result | null | undefined;
}

export interface Result {
  readonly runtime: string;
  readonly adapter: string | null;
  readonly adapterReason: string | null;
  readonly sandbox: string | null;
  readonly command: readonly string[];
  readonly ending:
    | 'exited'
    | 'signaled'
    | 'timed-out'
    | 'oom-killed'
    | 'output-limit'
    | 'aborted'
    | 'lost'
    | null;
  /** Null unless `ending` is `exited`. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  readonly durationMs: number | null;
  readonly usage: {
    readonly cpuMs: number;
    readonly peakMemoryBytes: number;
  } | null;
  readonly enforcement: Enforcement;
  readonly warnings: readonly string[];
  /** What was found in the code before it ran. Advice only; `warnings` has it as text. */
  readonly codeWarnings: readonly CodeWarning[];
}

export interface Sandbox {
  readonly id: string;
  readonly name: string;
  readonly runtime: string;
  readonly adapter: string;
  readonly state: 'creating' | 'created' | 'running' | 'paused' | 'stopped' | 'missing' | 'unknown';
  readonly lifecycle: 'ephemeral' | 'long-lived';
  readonly user: string;
  readonly createdAt: string;
  /** When it is removed, if nothing more is executed in it. Null: never by itself. */
  readonly expiresAt: string | null;
  readonly files: readonly StoredFile[];
  readonly limits: EffectiveLimits;
  readonly enforcement: Enforcement;
  readonly warnings: readonly string[];
  /** What was found in the code before it ran. Advice only; `warnings` has it as text. */
  readonly codeWarnings: readonly CodeWarning[];
  readonly project: string | null;
  readonly task: string | null;
}

export interface SandboxList {
  readonly sandboxes: readonly Sandbox[];
}

export interface Stats {
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly cpuMs: number | null;
  readonly pids: number | null;
}

export interface StoredFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly is_executable: boolean;
}

export interface StoredFiles {
  readonly files: readonly StoredFile[];
}
