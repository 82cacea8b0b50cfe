import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JailGate } from './jailer.ts';

export interface OpenedGate {
  /** To be called with all of the report, whenever more of it has come. */
  look(report: string): void;
  /** Resolves when the jail has started; never, where nobody sees it start. */
  readonly passed: Promise<void>;
}

/** Has the process `pid` prepared and lets the program go on. `fail` gets what kept it from that. */
export function openGate(
  { opens, key, isWaiting, prepare }: JailGate,
  [socket, keyhole]: readonly [gate: Socket, key: Socket],
  { pid, fail }: { pid(): number; fail(error: unknown): void },
): OpenedGate {
  const { promise: passed, resolve: pass } = Promise.withResolvers<void>();
  for (const stream of [socket, keyhole]) {
    // Who ends without having read it says why on stderr.
    stream.on('error', () => undefined);
    stream.unref();
  }
  let isPrepared = false;
  const open = async () => {
    const first = pid();
    const waiting = commandLine(first);
    await prepare(first);
    keyhole.end(key);
    socket.end(opens);
    for (let now = waiting; now !== null; now = commandLine(first)) {
      // While a program is replaced by another there is none.
      if (now !== waiting && now !== '') return pass();
      await sleep(1);
    }
  };
  return {
    passed,
    look(report) {
      if (isPrepared || !isWaiting(report)) return;
      isPrepared = true;
      open().catch(fail);
    },
  };
}

/** Null where it has ended. */
function commandLine(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return null;
  }
}
