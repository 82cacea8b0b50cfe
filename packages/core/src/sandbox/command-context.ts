import type { CommandContext } from '../command/command-request.ts';
import type { LaunchPlan } from '../launch/launch-plan.ts';
import type { SandboxGuest } from './sandbox-guest.ts';

/** Whose commands they are, what holds for them, and what they are for. */
export type CommandPlan = Pick<LaunchPlan, 'resolved' | 'purpose'> & {
  readonly record: Pick<LaunchPlan['record'], 'user'>;
};

/** What a plan means for the commands of a sandbox. */
export function commandContext(
  guest: SandboxGuest,
  { resolved: { policy, ceiling }, purpose, record: { user } }: CommandPlan,
  more: Pick<CommandContext, 'cwd' | 'env'> = {},
): CommandContext {
  return {
    runtime: guest.adapter.runtime,
    sandbox: guest.name,
    timeoutMs: policy.timeoutMs,
    maxTimeoutMs: ceiling.maxTimeoutMs,
    term: policy.env.TERM,
    user,
    purpose,
    ...more,
  };
}
