import type { Execution } from '../execution.ts';

/** Longer names are cut: nobody groups by them. */
const MOST_NAME = 200;
/** Of words or variables together; what is beyond is left out. */
const MOST_DETAIL = 8_192;

/** An execution as the table has it. Whatever was given: a sandbox's figures are its guest's, and names are their callers'. */
export function rowOf(execution: Execution) {
  const { operation, startedAt, user, project, task, language, runtime, sandbox, lifecycle } = execution;
  return {
    operation,
    started_at: startedAt.getTime(),
    duration_ms: number(execution.durationMs),
    user: name(user),
    project: name(project),
    task: name(task),
    language: name(language),
    runtime: name(runtime),
    sandbox: name(sandbox),
    lifecycle,
    terminal: execution.terminal ? 1 : 0,
    ending: execution.ending,
    error_code: execution.errorCode,
    exit_code: whole(execution.exitCode),
    cpu_ms: number(execution.cpuMs),
    peak_memory_bytes: whole(execution.peakMemoryBytes),
    stdout_bytes: whole(execution.stdoutBytes),
    stderr_bytes: whole(execution.stderrBytes),
    argv: execution.argv && JSON.stringify(within(execution.argv.map(String))),
    env:
      execution.env &&
      JSON.stringify(within(Object.entries(execution.env).map(([key, value]) => `${key}=${value}`))),
  };
}

export type ExecutionRow = ReturnType<typeof rowOf>;

function name(value: string | null): string | null {
  return value === null ? null : String(value).slice(0, MOST_NAME).toWellFormed();
}

function number(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null;
  return Math.min(Math.max(value, 0), Number.MAX_SAFE_INTEGER);
}

function whole(value: number | null): number | null {
  const finite = number(value);
  return finite === null ? null : Math.round(finite);
}

/** Those that fit, and the beginning of the next. */
function within(texts: readonly string[]): string[] {
  const kept: string[] = [];
  let room = MOST_DETAIL;
  for (const text of texts) {
    if (text.length > room) return [...kept, `${text.slice(0, room)}…`];
    kept.push(text);
    room -= text.length;
  }
  return kept;
}
