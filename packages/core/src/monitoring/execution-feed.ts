import { setTimeout as sleep } from 'node:timers/promises';
import type { Execution, OnExecution } from './execution.ts';

/** How many may be with a sink that has not taken them yet. What comes then is thrown away. */
const MOST = 10_000;
/** How long whoever closes waits for a sink. */
const CLOSE_MS = 1_000;

/** The way to a sink. Whatever that does, nobody waits for it but `close`, and that not for long. */
export class ExecutionFeed {
  readonly #sink: OnExecution;
  readonly #waiting: Execution[] = [];
  readonly #unsettled = new Set<Promise<void>>();
  #turn: NodeJS.Immediate | undefined;
  #complained = false;

  constructor(sink: OnExecution) {
    this.#sink = sink;
  }

  /** Returns at once. The sink has its turn when the caller of the command has had theirs. */
  tell(execution: Execution): void {
    if (this.#waiting.length + this.#unsettled.size >= MOST) {
      this.#complain(`does not keep up: with ${MOST} under way, what comes is not told`);
      return;
    }
    this.#waiting.push(execution);
    this.#turn ??= setImmediate(() => this.#deliver());
  }

  /** Resolves when the sink has taken everything, or will not do so soon. */
  async close(): Promise<void> {
    clearImmediate(this.#turn);
    this.#deliver();
    if (this.#unsettled.size === 0) return;
    const late = new AbortController();
    const { signal } = late;
    const time = sleep(CLOSE_MS, undefined, { signal }).catch(() => {});
    await Promise.race([Promise.all(this.#unsettled), time]);
    late.abort();
  }

  #deliver(): void {
    this.#turn = undefined;
    for (const execution of this.#waiting.splice(0)) {
      try {
        const taken = this.#sink(execution);
        if (isThenable(taken)) this.#track(taken);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  #track(taken: PromiseLike<unknown>): void {
    const settled: Promise<void> = Promise.resolve(taken).then(
      () => void this.#unsettled.delete(settled),
      (error) => {
        this.#unsettled.delete(settled);
        this.#failed(error);
      },
    );
    this.#unsettled.add(settled);
  }

  #failed(error: unknown): void {
    this.#complain(`failed: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Once: no command has failed, and there may be many. */
  #complain(what: string): void {
    if (this.#complained) return;
    this.#complained = true;
    process.emitWarning(`onExecution ${what}. Commands are not affected.`, {
      code: 'SANDBOX_ON_EXECUTION',
    });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
