import type { CommandContext } from '../command/command-request.ts';
import type { ResolvedPolicy } from '../policy/policy.ts';
import type { SandboxGuest } from './sandbox-guest.ts';

/** What a policy means for the commands of a sandbox. */
export function commandContext(
  guest: SandboxGuest,
  { policy, ceiling }: ResolvedPolicy,
  more: Pick<CommandContext, 'cwd' | 'env'> = {},
): CommandContext {
  return {
    runtime: guest.adapter.runtime,
    sandbox: guest.name,
    timeoutMs: policy.timeoutMs,
    maxTimeoutMs: ceiling.maxTimeoutMs,
    term: policy.env.TERM,
    ...more,
  };
}
