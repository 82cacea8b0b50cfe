import type { GuestSession } from '@sandbox/guest';
import { untilAborted } from '../errors/aborts.ts';
import type { ErrorContext } from '../errors/error-context.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { GuestUser } from '../policy/user.ts';

export type OpenGuestSession = (user: GuestUser | undefined, revive: boolean) => Promise<GuestSession>;

interface Entry {
  readonly opening: Promise<GuestSession>;
  session: GuestSession | undefined;
}

const OWN = '';

/**
 * The sessions of one handle: one for each user, opened when it is first needed, shared by all commands, and opened
 * again once it was lost.
 */
export class Sessions {
  readonly #open: OpenGuestSession;
  readonly #context: Omit<ErrorContext, 'operation'>;
  readonly #entries = new Map<string, Entry>();
  #closed: Promise<void> | undefined;

  constructor(open: OpenGuestSession, context: Omit<ErrorContext, 'operation'>) {
    this.#open = open;
    this.#context = context;
  }

  /** Sessions that are open or being opened. */
  get count(): number {
    return this.#entries.size;
  }

  /** An open session, at once if there is one. The opening is shared: a caller that gives up leaves it to the others. */
  get(
    user: GuestUser | undefined,
    signal: AbortSignal | undefined,
    revive = true,
  ): GuestSession | Promise<GuestSession> {
    if (this.#closed !== undefined) throw this.#closedError();
    const key = user === undefined ? OWN : `${user.uid}:${user.gid}`;
    const known = this.#entries.get(key);
    if (known?.session !== undefined) return known.session;
    const { opening } = known ?? this.#add(key, this.#open(user, revive));
    return untilAborted(opening, signal, { ...this.#context, operation: 'session' });
  }

  /** Takes a session that is open already as the one of the sandbox's own user. */
  adopt(session: GuestSession): void {
    this.#add(OWN, Promise.resolve(session)).session = session;
  }

  /** Ends all sessions, also those that are being opened, and with them their commands. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  /** Ends all sessions, but new ones may be opened. */
  async reset(): Promise<void> {
    await this.#closeAll();
  }

  #add(key: string, opening: Promise<GuestSession>): Entry {
    const entry: Entry = { opening, session: undefined };
    this.#entries.set(key, entry);
    const forget = (): void => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    opening.then((session) => {
      if (this.#entries.get(key) === entry) entry.session = session;
      void session.closed.then(forget);
    }, forget);
    return entry;
  }

  async #closeAll(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(
      entries.map(async ({ opening }) => {
        const session = await opening.catch(() => undefined);
        await session?.close();
      }),
    );
  }

  #closedError(): SandboxError {
    return new SandboxError('FAILED_PRECONDITION', 'the handle of the sandbox was closed', {
      ...this.#context,
      hint: 'Open the sandbox again, or close it later.',
    });
  }
}
