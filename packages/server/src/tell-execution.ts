import type { ErrorCode } from '@sandbox/core';
import type { Box } from './box.ts';
import type { Service } from './service.ts';

/** How it went. `ending` null is `lost`, which is all that is then known. */
export interface Outcome {
  readonly ending?: string | null;
  readonly exitCode?: number | null;
  readonly durationMs?: number | null;
  /** In place of an ending. */
  readonly errorCode?: ErrorCode;
  readonly terminal?: boolean;
}

/** To the counts and to the log. */
export function tellExecution({ metrics, log }: Service, box: Box, outcome: Outcome): void {
  const { sandbox, language, user } = box.facts;
  const { ending, exitCode = null, durationMs = null, errorCode = null, terminal = false } = outcome;
  const where = { runtime: language?.id ?? 'unknown', adapter: sandbox.runtime };
  const known = errorCode ?? ending ?? 'lost';
  metrics.executed({ ...where, ending: known }, terminal || known === 'lost' ? null : durationMs);
  const line = { sandbox: box.id, user, ...where, ending: errorCode === null ? known : null };
  log.info({ ...line, exitCode, errorCode, durationMs, terminal }, 'executed');
}
