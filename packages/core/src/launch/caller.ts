import { SandboxError } from '../errors/sandbox-error.ts';
import { validateUserName } from '../naming/names.ts';
import { TRUST_LEVELS } from '../policy/policy.ts';
import type { CallerSettings, SettingsSource } from '../policy/settings.ts';
import type { CreateOptions } from '../sandbox/types.ts';
import { type CheckedWorkspace, checkWorkspace } from '../workspace/check-workspace.ts';

/** Who asks and what holds for them, with the options as they are once that is known. */
export interface KnownCaller<O> {
  readonly options: O;
  readonly settings: CallerSettings;
}

/** Asks the settings what holds for a caller, and fills in what the caller left open: whose it is, the trust, and the runtime. */
export function knownCaller<O extends CreateOptions>(source: SettingsSource, given: O): KnownCaller<O> {
  const { user, cron, trust } = given;
  if (user !== undefined) validateUserName(user);
  // A level that is not in the list would compare as the highest.
  if (trust !== undefined && !TRUST_LEVELS.includes(trust)) {
    throw new SandboxError('INVALID_ARGUMENT', `there is no trust level ${JSON.stringify(trust)}`, {
      operation: 'policy',
      hint: `Levels: ${TRUST_LEVELS.join(', ')}.`,
    });
  }
  const settings = source.settingsFor({ user, cron, trust });
  const runtime = given.runtime ?? settings.runtime;
  return { options: { ...given, user: settings.user, trust: settings.trust, runtime }, settings };
}

/** Throws `FAILED_PRECONDITION` while sandboxes are switched off. */
export function checkEnabled({ enabled, file }: SettingsSource, operation: string): void {
  if (enabled) return;
  const where = file ?? 'the settings of this program';
  throw new SandboxError('FAILED_PRECONDITION', `sandboxes are switched off: enabled is false in ${where}`, {
    operation,
    hint: 'Set enabled = true there. Nothing is run outside of a sandbox instead.',
  });
}

/** A host directory that may be mounted: none with the file that says what is allowed in it. */
export function callersWorkspace(
  { file }: SettingsSource,
  path: string,
  roots?: readonly string[],
): Promise<CheckedWorkspace> {
  const protectedPaths = file === undefined ? [] : [{ path: file, what: 'the configuration of sandboxes' }];
  return checkWorkspace(path, { protectedPaths, roots });
}
