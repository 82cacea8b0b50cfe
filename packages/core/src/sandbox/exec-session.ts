import { GuestError, type GuestSession, openSession } from '@sandbox/guest';
import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { agentArgv } from '../launch/agent-argv.ts';
import type { GuestUser } from '../policy/user.ts';
import type { Services } from '../services/services.ts';

/** Somebody else than the sandbox's own user. */
export interface OtherUser {
  readonly user: GuestUser;
  /** The PATH label of the sandbox; undefined where HOME is not on its PATH. */
  readonly path: string | undefined;
}

/** Opens a session by one exec in a running sandbox, always with this version's own agent. */
export async function openExecSession(
  services: Services,
  adapter: RuntimeAdapter,
  name: string,
  other?: OtherUser,
): Promise<GuestSession> {
  const { user } = other ?? {};
  const context = { operation: 'session', runtime: adapter.runtime, sandbox: name };
  if (user !== undefined) await checkOtherUser(services, adapter, name);
  try {
    const agent = services.agent();
    const process = await adapter.exec(name, {
      argv: agentArgv(agent, 'session'),
      agent,
      ...(other && { user: other.user, env: environmentOf(other) }),
    });
    return await openSession(process);
  } catch (error) {
    const told = toSandboxError(error, context);
    if (told.code !== 'UNKNOWN' || !GuestError.isGuestError(error)) throw told;
    // What came in an agent's place is an engine's word for why it started none: the sandbox is about to end, say.
    throw new SandboxError('UNAVAILABLE', told.message, { ...context, hint: LATER, cause: error });
  }
}

const LATER = 'Try again; `sandbox inspect` tells whether the sandbox runs.';

async function checkOtherUser(services: Services, adapter: RuntimeAdapter, name: string): Promise<void> {
  const { capabilities } = await services.probes.probe(adapter);
  const { support, how } = capabilities.facets['exec-as-user'];
  if (support !== 'unsupported') return;
  throw new SandboxError(
    'UNSUPPORTED',
    `${adapter.runtime} runs every command as the sandbox's own user: ${how}`,
    {
      operation: 'exec',
      runtime: adapter.runtime,
      sandbox: name,
    },
  );
}

/** The sandbox's HOME belongs to another, and what is installed in it is not for others to run, least of all for root. */
function environmentOf({ user: { uid }, path }: OtherUser): Record<string, string> {
  const identity = uid === 0 ? { HOME: '/root', USER: 'root' } : { HOME: '/tmp', USER: String(uid) };
  if (path === undefined) return identity;
  return { ...identity, PATH: path, NPM_CONFIG_PREFIX: uid === 0 ? '/usr/local' : '/tmp/.local' };
}
