import type { FrameWriter } from './frame-writer.ts';
import { KIND } from './frames.ts';
import type { GuestError } from './guest-error.ts';

interface Ping {
  readonly sentAt: number;
  readonly resolve: (ms: number) => void;
  readonly reject: (error: GuestError) => void;
}

/** The pings that somebody waits for. Those of the heartbeat are empty, and nobody does. */
export class Pings {
  readonly #waiting = new Map<number, Ping>();
  #next = 0;

  send(writer: FrameWriter): Promise<number> {
    const number = this.#next;
    this.#next = (number + 1) >>> 0;
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32LE(number);
    writer.frame(KIND.ping, 0, 0, payload);
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { sentAt: performance.now(), resolve, reject });
    });
  }

  /** Whether somebody waited for this answer. */
  answered(payload: Buffer): boolean {
    const number = payload.length === 4 ? payload.readUInt32LE(0) : -1;
    const ping = this.#waiting.get(number);
    if (ping === undefined) return false;
    this.#waiting.delete(number);
    ping.resolve(performance.now() - ping.sentAt);
    return true;
  }

  rejectAll(error: GuestError): void {
    for (const ping of this.#waiting.values()) ping.reject(error);
    this.#waiting.clear();
  }
}
