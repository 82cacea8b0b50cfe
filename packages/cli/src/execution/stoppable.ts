import type { CliIo } from '../cli-io.ts';
import { signalExitCode } from '../exit-code.ts';
import { type StopSignal, watchStopSignals } from './stop-signals.ts';

/** Work of ours, and no command's, that a stop signal makes give up; the exit code then tells of the signal. */
export async function stoppable(
  { signals }: Pick<CliIo, 'signals'>,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const stop = new AbortController();
  let stoppedBy: StopSignal | undefined;
  using _watch = watchStopSignals(signals, (signal) => {
    stoppedBy ??= signal;
    stop.abort();
  });
  try {
    return await work(stop.signal);
  } catch (error) {
    if (stoppedBy !== undefined) return signalExitCode(stoppedBy);
    throw error;
  }
}
