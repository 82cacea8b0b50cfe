import { printable } from './printable.ts';
import { StderrTail } from './stderr-tail.ts';
import type { Transport } from './transport.ts';

/** How long an end waits for what explains it: the exit code, the rest of stderr, another program's error text. */
const EXPLAIN_MS = 500;
/** How long the rest of a stream is read after its process is gone, or takes no more. */
const LINGER_MS = 1_000;
const GREETING_KEPT = 4_096;
const DIAGNOSTICS_SHOWN = 2_000;

interface Exit {
  readonly exitCode: number | null;
  readonly signal?: string | null | undefined;
}

export interface TransportEvents {
  chunk(chunk: Buffer): void;
  /** Nothing more can come. Called at most once. */
  gone(what: string): void;
}

/** Reads a transport to its end, and knows why it ended. */
export class TransportWatch {
  readonly #transport: Transport;
  readonly #events: TransportEvents;
  readonly #diagnostics = new StderrTail();
  readonly #stdoutEnded = Promise.withResolvers<void>();
  readonly #exited: Promise<Exit | undefined>;
  #exit: Exit | undefined;
  #greeting: Buffer[] | undefined = [];
  #greetingLength = 0;
  #stopped = false;
  #gone = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(transport: Transport, events: TransportEvents) {
    this.#transport = transport;
    this.#events = events;
    const { stdin, stdout, stderr } = transport;
    stdout.on('data', (chunk: Buffer) => this.#chunk(chunk));
    stdout.on('end', () => this.#ended('the stream from the agent has ended'));
    stdout.on('close', () => this.#ended('the stream from the agent was closed'));
    stdout.on('error', (error) =>
      this.#ended(`the stream from the agent failed: ${printable(error.message)}`),
    );
    stdin.on('error', (error) => this.#later(`the stream to the agent failed: ${printable(error.message)}`));
    stderr?.on('data', (chunk: Buffer) => this.#diagnostics.push(chunk));
    stderr?.on('error', () => {});
    this.#exited = this.#waitForExit();
  }

  /** The first bytes are kept until the agent has greeted: they may be somebody else's error message. */
  forgetGreeting(): void {
    this.#greeting = undefined;
  }

  /** Nothing is reported any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#linger);
    this.#linger = undefined;
  }

  /** Resolves when the process is gone, when `other` does, or after so long. Never rejects. */
  exited(timeoutMs: number, other?: Promise<unknown>): Promise<void> {
    return within(timeoutMs, other === undefined ? this.#exited : Promise.race([this.#exited, other]));
  }

  /** Waits, not for long, for what can still be learned, and then describes the end. */
  async explain(what: string, how: { opening?: boolean; cut?: boolean }): Promise<string> {
    await within(EXPLAIN_MS, Promise.all([this.#stdoutEnded.promise, this.#exited]));
    return this.describe(what, how);
  }

  /** What happened, and what is known of why: the exit code, what came instead of a greeting, the agent's diagnostics. */
  describe(what: string, { opening = false, cut = false }: { opening?: boolean; cut?: boolean }): string {
    const parts = [opening ? `no agent answered: ${what}` : what];
    if (this.#exit !== undefined) parts[0] += ` (${describeExit(this.#exit)})`;
    if (cut && !opening) parts.push('the last frame is incomplete');
    const greeting = opening ? printable(Buffer.concat(this.#greeting ?? []), 1_000).trim() : '';
    // The decoder shows the bytes that it stumbled over; by now there may be more of them.
    if (greeting !== '' && !what.includes(greeting)) parts.push(`it said: "${greeting}"`);
    const diagnostics = this.#diagnostics.toString().trim().slice(-DIAGNOSTICS_SHOWN);
    if (diagnostics !== '') parts.push(`its diagnostics: ${printable(diagnostics, DIAGNOSTICS_SHOWN)}`);
    return parts.join('; ');
  }

  #chunk(chunk: Buffer): void {
    if (this.#greeting !== undefined && this.#greetingLength < GREETING_KEPT) {
      this.#greeting.push(Buffer.from(chunk.subarray(0, GREETING_KEPT - this.#greetingLength)));
      this.#greetingLength += chunk.length;
    }
    if (!this.#stopped) this.#events.chunk(chunk);
  }

  #ended(what: string): void {
    this.#stdoutEnded.resolve();
    if (this.#gone || this.#stopped) return;
    this.#gone = true;
    clearTimeout(this.#linger);
    this.#events.gone(what);
  }

  /** The end is certain, but the agent's last words may still be on their way. */
  #later(what: string): void {
    if (this.#gone || this.#stopped || this.#linger !== undefined) return;
    this.#linger = setTimeout(() => this.#ended(what), LINGER_MS);
  }

  async #waitForExit(): Promise<Exit | undefined> {
    try {
      this.#exit = await this.#transport.wait();
    } catch {
      // Gone, and nobody knows how.
    }
    this.#later('the agent has ended');
    return this.#exit;
  }
}

function describeExit({ exitCode, signal }: Exit): string {
  if (exitCode !== null) return `exit code ${exitCode}`;
  return signal ? `ended by ${printable(signal, 32)}` : 'how it ended is unknown';
}

/** Resolves with the promise, which must not reject, or after so long. */
function within(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
