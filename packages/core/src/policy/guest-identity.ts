import type { IdMapping } from '../adapter/adapter.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { DEFAULT_GUEST_ID } from './defaults.ts';
import type { SecurityProfile, WorkspaceAccess } from './policy.ts';
import { type GuestUser, parseUser } from './user.ts';

export interface IdentityRequest {
  /** Ids that own the workspace on the host; null when nothing of the host is mounted. */
  readonly workspaceOwner: GuestUser | null;
  /** For messages. */
  readonly workspacePath?: string | undefined;
  readonly workspaceAccess: WorkspaceAccess;
  /** Of `probe()`; a runtime that does not say is taken as `identity`. */
  readonly idMapping?: IdMapping | undefined;
  /** `policy.user`. */
  readonly requestedUser: string | null;
  readonly profile: SecurityProfile;
  readonly allowRoot: boolean;
  /** Ids of this program, for hints. */
  readonly caller?: GuestUser | undefined;
}

/**
 * Who the guest is. With a writable workspace: the id that maps to its owner, so that files belong to their owner on the host; otherwise 1000:1000; `requestedUser` wins over both.
 * `FAILED_PRECONDITION` where the host's root owns a writable workspace and nobody asked for `--user 0`, where no guest id maps to the owner, and where `--user 0`
 * is asked for in the workspace profile without `allowRoot`. Pure.
 */
export function guestIdentity(request: IdentityRequest): GuestUser {
  const requested = request.requestedUser === null ? null : parseUser(request.requestedUser);
  if (requested?.uid === 0) checkRootEntry(request);
  const owner = request.workspaceAccess === 'rw' ? request.workspaceOwner : null;
  if (owner === null) return requested ?? ORDINARY;
  const mapping = request.idMapping ?? { type: 'identity' };
  if (owner.uid === 0) return enterRootOwned(requested, mapping, request);
  return requested ?? mapOwner(owner, mapping, request);
}

const ORDINARY: GuestUser = { uid: DEFAULT_GUEST_ID, gid: DEFAULT_GUEST_ID };

function checkRootEntry({ profile, allowRoot, idMapping }: IdentityRequest): void {
  if (profile !== 'workspace' || allowRoot) return;
  // Rootless: root inside is the caller outside, and who the guest is anyway.
  if (idMapping?.type === 'caller' && idMapping.guestUid === 0) return;
  throw refusal(
    'this sandbox may not be entered as root',
    'Whether it may is decided when it is made: allow it with `--allow-root` (`allow_root = true`, allowRoot), and make one that is there again with `--recreate`.',
  );
}

/** Who may write there as the host's root can plant a set-uid file and become root on the host: only for those who say so. */
function enterRootOwned(
  requested: GuestUser | null,
  mapping: IdMapping,
  request: IdentityRequest,
): GuestUser {
  // Where the runtime maps any guest id to the owner, every user would be root there.
  const becomesRoot = requested === null || (mapping.type === 'any' && requested.uid !== 0);
  if (!becomesRoot) return requested;
  const asRoot = request.profile === 'workspace' && !request.allowRoot ? '--user 0 --allow-root' : '--user 0';
  throw refusal(
    `${workspaceOf(request)} belongs to root, and a guest that writes there as root could take over the host`,
    `Give it an owner (\`chown -R ${ownerForHint(request)} DIRECTORY\`), use it read-only (\`--workspace-access ro\`), or pass \`${asRoot}\` and accept that.`,
  );
}

function mapOwner(owner: GuestUser, mapping: IdMapping, request: IdentityRequest): GuestUser {
  if (mapping.type === 'any') return ORDINARY;
  // A set-gid file of root's group is a way into the host as well.
  if (mapping.type === 'identity') return { uid: owner.uid, gid: owner.gid === 0 ? owner.uid : owner.gid };
  if (owner.uid === mapping.hostUid) return { uid: mapping.guestUid, gid: mapping.guestGid };
  throw refusal(
    `${workspaceOf(request)} belongs to user ${owner.uid}, whom this engine cannot be inside of a sandbox: it runs as user ${mapping.hostUid}`,
    `Use a directory that user ${mapping.hostUid} owns, or use it read-only (\`--workspace-access ro\`).`,
  );
}

function workspaceOf({ workspacePath }: IdentityRequest): string {
  return workspacePath === undefined ? 'the workspace' : `the workspace ${workspacePath}`;
}

function ownerForHint({ idMapping, caller }: IdentityRequest): string {
  if (idMapping?.type === 'caller' && idMapping.hostUid !== 0)
    return `${idMapping.hostUid}:${idMapping.hostGid}`;
  const { uid, gid } = caller === undefined || caller.uid === 0 ? ORDINARY : caller;
  return `${uid}:${gid}`;
}

function refusal(message: string, hint: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', message, { operation: 'policy', hint });
}
