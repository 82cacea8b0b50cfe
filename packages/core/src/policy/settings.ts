import { SandboxError } from '../errors/sandbox-error.ts';
import type { ToolsInput } from '../tools/tools.ts';
import type { CeilingsByTrust } from './ceilings.ts';
import { DEFAULT_IDLE_DAYS, DEFAULT_TRUST } from './defaults.ts';
import type { Lifecycle, PolicyInput, Trust } from './policy.ts';
import type { PolicyLayer } from './resolve-policy.ts';

/** Who asks for a sandbox. */
export interface Caller {
  /** Name of the user; nobody in particular when left out. */
  readonly user?: string | undefined;
  /** Name of a configured job; it belongs to a user of its own. */
  readonly cron?: string | undefined;
  /** What the caller says of itself. Where trust is configured, it can only be lowered by that. */
  readonly trust?: Trust | undefined;
}

/** What holds for one caller, at the moment of asking. */
export interface CallerSettings {
  /** Whom what is made belongs to: the caller's own name, or that of the job's user. */
  readonly user: string | undefined;
  readonly trust: Trust;
  /** All that is configured for this caller's sandboxes of either kind: `config`, `user` and `cron`, never `request`. */
  readonly layers: Readonly<Record<Lifecycle, readonly PolicyLayer[]>>;
  /** Over the built-in ones, level by level and key by key. */
  readonly ceilings: CeilingsByTrust;
  /** Id of an adapter or `auto`, for requests that name none. Undefined: nothing is configured. */
  readonly runtime: string | undefined;
  /** What `open` gives to those who say nothing, where their trust allows it. */
  readonly lifecycle: Lifecycle;
  /** Development tools in new long-lived sandboxes: the usual ones, none, or those that are named. */
  readonly tools: ToolsInput;
}

/** How long what is there is kept, by the settings of now. None of these throws: users and jobs may have left the configuration since. */
export interface CleanupSettings {
  /** Days without use; null keeps the idle. */
  readonly idleDays: number | null;
  /** Whether trust full and above protects the sandboxes of this user, and those that this job made. */
  protectsFullTrust(owner: {
    readonly user?: string | undefined;
    readonly cron?: string | undefined;
  }): boolean;
  /** Undefined for a user who is not configured: what was recorded holds. */
  trustOf(user: string): Trust | undefined;
}

/**
 * Where settings come from. Asked anew for each call, so that a source which follows a file needs no restart of the program; it answers from memory, and does
 * no I/O. `@sandbox/config` has one over a file; the library reads none by itself.
 */
export interface SettingsSource {
  /** Absolute path of the file that they come from: named in messages, and no workspace may contain it. */
  readonly file?: string | undefined;
  /** False: no sandbox is made or started and no command is run, whoever asks. What is there can still be listed, stopped and removed. */
  readonly enabled: boolean;
  /** `NOT_FOUND` for a job that is not configured, `PERMISSION_DENIED` for a job of another user than the caller. A user who is not configured is no error. */
  settingsFor(caller: Caller): CallerSettings;
  readonly cleanup: CleanupSettings;
}

export interface FixedSettings {
  readonly policy?: PolicyInput | undefined;
  readonly ceilings?: CeilingsByTrust | undefined;
  readonly defaultTrust?: Trust | undefined;
  readonly tools?: ToolsInput | undefined;
}

/** The same settings for everybody, for programs that need no file. Callers are believed what they say of themselves, and there are no jobs. */
export function fixedSettings(fixed: FixedSettings = {}): SettingsSource {
  const { policy, ceilings = {}, defaultTrust, tools = true } = fixed;
  const all: PolicyLayer[] = policy === undefined ? [] : [{ source: 'config', values: policy }];
  const layers = { ephemeral: all, 'long-lived': all };
  return {
    enabled: true,
    settingsFor: ({ user, cron, trust = defaultTrust ?? DEFAULT_TRUST }) => {
      if (cron !== undefined) {
        throw new SandboxError('NOT_FOUND', `there is no job ${JSON.stringify(cron)}: none is configured`, {
          operation: 'policy',
          hint: 'Jobs are [[cron]] entries of sandbox.toml.',
        });
      }
      return { user, trust, layers, ceilings, runtime: undefined, lifecycle: 'long-lived', tools };
    },
    cleanup: { idleDays: DEFAULT_IDLE_DAYS, protectsFullTrust: () => true, trustOf: () => undefined },
  };
}
