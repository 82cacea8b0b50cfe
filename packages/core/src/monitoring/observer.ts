import { CommandError } from '../command/command-error.ts';
import type { CommandResult } from '../command/types.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import type { Execution, ExecutionDetail, OnExecution, Operation } from './execution.ts';
import { ExecutionFeed } from './execution-feed.ts';
import type { SaidPurpose } from './purpose.ts';

/** What is known of an execution before it begins. What is left out is not known. */
export type Subject = SaidPurpose &
  Partial<Pick<Execution, 'user' | 'runtime' | 'sandbox' | 'lifecycle' | 'terminal' | 'argv' | 'env'>>;

export interface OutputLengths {
  readonly stdoutLength: number;
  readonly stderrLength: number;
}

/** One execution that is under way. The first call tells how it went, others say nothing. */
export interface Observation {
  ended(result: CommandResult, lengths: OutputLengths): void;
  /** With `signal`, the caller's own: what it stopped is not taken for something worse. */
  failed(error: unknown, signal?: AbortSignal): void;
  /** It was started, and goes on without us. */
  left(): void;
}

/** Makes records of executions, for whoever asked for them. */
export class Observer {
  readonly #feed: ExecutionFeed;
  readonly #details: ReadonlySet<ExecutionDetail>;

  constructor(sink: OnExecution, details: readonly ExecutionDetail[] = []) {
    this.#feed = new ExecutionFeed(sink);
    this.#details = new Set(details);
  }

  begin(operation: Operation, subject: Subject): Observation {
    const begun = performance.now();
    const known = { ...NOTHING, ...subject, ...this.#detailsOf(subject), operation, startedAt: new Date() };
    let told = false;
    const tell = (outcome: Partial<Execution>) => {
      if (!told) this.#feed.tell({ ...known, ...outcome });
      told = true;
    };
    return {
      ended: (result, lengths) => tell(outcomeOf(result, lengths, performance.now() - begun)),
      left: () => tell({}),
      failed(error, signal) {
        const sinceMs = performance.now() - begun;
        if (CommandError.is(error)) return tell(outcomeOf(error.result, error.result, sinceMs));
        const { code: errorCode, runtime, sandbox } = toSandboxError(error, { operation }, signal);
        tell({
          ...{ errorCode, durationMs: sinceMs },
          runtime: known.runtime ?? runtime ?? null,
          sandbox: known.sandbox ?? sandbox ?? null,
        });
      },
    };
  }

  close(): Promise<void> {
    return this.#feed.close();
  }

  /** Copies: callers may go on with what they gave us. */
  #detailsOf({ argv, env }: Subject): Pick<Execution, 'argv' | 'env'> {
    return {
      argv: this.#details.has('argv') && Array.isArray(argv) ? [...argv] : null,
      env: this.#details.has('env') && env ? { ...env } : null,
    };
  }
}

/** Tells of work that failed. That it succeeded is no execution. */
export async function unlessFailed<T>(
  observer: Observer | undefined,
  operation: Operation,
  subject: () => Subject,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const observation = observer?.begin(operation, subject());
  try {
    return await work();
  } catch (error) {
    observation?.failed(error, signal);
    throw error;
  }
}

const NOTHING: Omit<Execution, 'operation' | 'startedAt'> = {
  ...{ user: null, project: null, task: null, language: null, runtime: null, sandbox: null, lifecycle: null },
  ...{ durationMs: null, terminal: false, ending: null, errorCode: null, exitCode: null },
  ...{ peakMemoryBytes: null, cpuMs: null, stdoutBytes: null, stderrBytes: null, argv: null, env: null },
};

function outcomeOf(
  { ending, exitCode, durationMs, usage }: CommandResult,
  { stdoutLength, stderrLength }: OutputLengths,
  sinceMs: number,
): Partial<Execution> {
  // Of one that was lost there are no figures, only zeros.
  const isKnown = ending !== 'lost';
  return {
    ...{ ending, exitCode, stdoutBytes: stdoutLength, stderrBytes: stderrLength },
    durationMs: isKnown ? durationMs : sinceMs,
    cpuMs: isKnown ? usage.cpuMs : null,
    peakMemoryBytes: isKnown ? usage.peakMemoryBytes : null,
  };
}
