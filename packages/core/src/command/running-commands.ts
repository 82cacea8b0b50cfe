import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestCommand } from '@sandbox/guest';

/** What an agent may need to kill them. */
const BEYOND_MS = 5_000;

/** The commands of one handle that run now. */
export class RunningCommands {
  readonly #commands = new Set<GuestCommand>();

  get size(): number {
    return this.#commands.size;
  }

  add(command: GuestCommand): void {
    this.#commands.add(command);
  }

  delete(command: GuestCommand): void {
    this.#commands.delete(command);
  }

  /** SIGTERM to all, SIGKILL to what is there after `graceMs`. Resolves when all have ended, or an agent does not see to it. */
  async end(graceMs: number): Promise<void> {
    const commands = [...this.#commands];
    if (commands.length === 0) return;
    for (const command of commands) command.cancel(graceMs);
    const late = new AbortController();
    const ended = Promise.allSettled(commands.map((command) => command.done));
    await Promise.race([
      ended,
      sleep(graceMs + BEYOND_MS, undefined, { signal: late.signal }).catch(() => {}),
    ]);
    late.abort();
  }
}
