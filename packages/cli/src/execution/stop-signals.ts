import type { SignalSource } from '../cli-io.ts';

/** What asks a run to end: Ctrl-C, `kill`, a terminal that went away, Ctrl-\. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/**
 * A terminal sends Ctrl-C to every process of its group, and programs that start us (npm, pnpm, our own launcher) pass
 * theirs on besides: what comes twice within this time was sent once.
 */
const ECHO_MS = 100;

/** Calls back for every stop signal until it is disposed of; while it is not, none of them ends this process. */
export function watchStopSignals(source: SignalSource, onSignal: (signal: StopSignal) => void): Disposable {
  const heardAt = new Map<string, number>();
  const listener = (signal: NodeJS.Signals) => {
    const now = performance.now();
    const before = heardAt.get(signal);
    if (before !== undefined && now - before <= ECHO_MS) return;
    // From the one that counted: a key that is held down comes again and again within that time.
    heardAt.set(signal, now);
    onSignal(signal as StopSignal);
  };
  for (const signal of STOP_SIGNALS) source.on(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const signal of STOP_SIGNALS) source.off(signal, listener);
    },
  };
}
