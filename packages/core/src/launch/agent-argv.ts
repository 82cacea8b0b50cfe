import { randomBytes } from 'node:crypto';
import { agentPath } from '@sandbox/guest';
import type { AgentSpec } from '../adapter/spec.ts';

/** How `agent init` knows that it is us who asks for detached commands: every sandbox has its own, in a label, where no guest sees it. */
export function newInitKey(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * `session` speaks the protocol on stdin and stdout; `init` is the main process of a long-lived sandbox, which waits, and keeps detached commands for who knows
 * the key. Those that were made before there were such have none.
 */
export function agentArgv(
  agent: Pick<AgentSpec, 'digest'>,
  mode: 'session' | 'init',
  key?: string,
): string[] {
  return [agentPath(agent.digest), mode, ...(key === undefined ? [] : [key])];
}
