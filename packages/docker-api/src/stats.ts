import type { SandboxStats } from '@sandbox/core';

/** The part of `GET /containers/ID/stats` that we use. */
export interface StatsAnswer {
  memory_stats?: { usage?: number; limit?: number; stats?: Record<string, number> };
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  pids_stats?: { current?: number };
}

/** Null when the container does not run: engines then answer with empty numbers, or with nothing. */
export function statsOf(answer: StatsAnswer | undefined): SandboxStats | null {
  if (!answer) return null;
  const usage = answer.memory_stats?.usage;
  const cpu = answer.cpu_stats?.cpu_usage?.total_usage;
  if (usage === undefined && !cpu) return null;
  return {
    memoryBytes: usage === undefined ? null : usage - droppable(answer.memory_stats?.stats ?? {}),
    memoryLimitBytes: answer.memory_stats?.limit ?? null,
    cpuMs: cpu === undefined ? null : cpu / 1e6,
    pids: answer.pids_stats?.current ?? null,
  };
}

/** Page cache that the kernel gives back when it needs memory: named differently by cgroup v1 and v2. */
function droppable(stats: Readonly<Record<string, number>>): number {
  return stats.total_inactive_file ?? stats.inactive_file ?? 0;
}
