export interface LivenessTimes {
  readonly heartbeatMs: number;
  readonly lostAfterMs: number;
}

export interface LivenessEvents {
  /** Nothing was sent for a heartbeat. */
  ping(): void;
  /** The other end is lost; `why` ends a sentence that begins with "the agent". */
  lost(why: string): void;
}

/** What it watches: both are set to true, or read, by who moves bytes, which costs nothing. */
export interface Traffic {
  heard: boolean;
  readonly writer: { sent: boolean; blockedSince: number | undefined };
}

/**
 * Keeps the session alive and notices when it no longer is. A few ticks per heartbeat look at what has moved; the
 * time in which this process itself did not run (a busy event loop, a stopped process, a sleeping machine) is never
 * held against the agent.
 */
export class Liveness {
  readonly #traffic: Traffic;
  readonly #times: LivenessTimes;
  readonly #events: LivenessEvents;
  readonly #period: number;
  readonly #timer: NodeJS.Timeout;
  #due: number;
  #heardAt: number;
  #sentAt: number;

  constructor(traffic: Traffic, times: LivenessTimes, events: LivenessEvents) {
    this.#traffic = traffic;
    this.#times = times;
    this.#events = events;
    this.#period = Math.max(1, Math.min(times.heartbeatMs, times.lostAfterMs) / 4);
    const now = performance.now();
    this.#heardAt = now;
    this.#sentAt = now;
    this.#due = now + this.#period;
    this.#timer = setInterval(() => this.tick(performance.now()), this.#period);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Called by the timer; `now` is in milliseconds. */
  tick(now: number): void {
    const late = now - this.#due > this.#period;
    this.#due = now + this.#period;
    this.#tickSent(now);
    const { writer } = this.#traffic;
    if (this.#traffic.heard || late) {
      this.#traffic.heard = false;
      this.#heardAt = now;
    }
    if (late && writer.blockedSince !== undefined) writer.blockedSince = now;
    if (this.#silent(now) || this.#stuck(now)) this.#judge(now);
  }

  #tickSent(now: number): void {
    const { writer } = this.#traffic;
    if (writer.sent) {
      writer.sent = false;
      this.#sentAt = now;
    } else if (now - this.#sentAt >= this.#times.heartbeatMs - this.#period) {
      this.#sentAt = now;
      this.#events.ping();
    }
  }

  #silent(now: number): boolean {
    return now - this.#heardAt >= this.#times.lostAfterMs;
  }

  #stuck(now: number): boolean {
    const since = this.#traffic.writer.blockedSince;
    return since !== undefined && now - since >= this.#times.lostAfterMs;
  }

  /** What has already arrived is read before judgement: timers run before input. */
  #judge(now: number): void {
    setImmediate(() => {
      const seconds = Math.round(this.#times.lostAfterMs / 100) / 10;
      if (this.#silent(now) && !this.#traffic.heard) this.#events.lost(`was not heard for ${seconds} s`);
      else if (this.#stuck(now)) this.#events.lost(`took no input for ${seconds} s`);
    });
  }
}
