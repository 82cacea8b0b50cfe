import { uptime } from 'node:os';
import { readBootId } from './read-instance.ts';

/** Time since the machine was started, which nobody can set back or forward. Readings of different boots cannot be compared. */
export interface BootClock {
  /** Empty where the system has none (macOS). */
  readonly bootId: string;
  readonly elapsedMs: number;
}

let bootId: string | undefined;

export function readBootClock(): BootClock {
  // No program outlives its boot.
  bootId ??= readBootId();
  return { bootId, elapsedMs: Math.round(uptime() * 1000) };
}
