import type { GuestDetached } from '@sandbox/guest';
import { type CommandContext, commandRequest } from '../command/command-request.ts';
import type { DetachedCommand, DetachedInfo, DetachOptions, SandboxCommands } from '../command/detached.ts';
import { detachedInfo } from '../command/detached-info.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { DetachedHandle } from './detached-handle.ts';
import type { DetachedSession } from './detached-session.ts';

/** The detached commands of a sandbox, as one handle of it sees them. */
export class DetachedCommands implements SandboxCommands {
  readonly #session: DetachedSession;
  readonly #context: CommandContext;

  constructor(session: DetachedSession, context: CommandContext) {
    this.#session = session;
    this.#context = context;
  }

  async start(command: readonly string[], options: DetachOptions): Promise<DetachedCommand> {
    refuseWhatItCannotHave(options);
    const request = commandRequest(command, options, this.#context, null);
    // Where the session is lost on the way it may run or not: it is not started twice.
    const start = (detached: GuestDetached) => detached.start(request);
    const { id } = await this.#session.ask('spawn', start, { revive: true, repeatable: false });
    return new DetachedHandle(this.#session, id);
  }

  async list(): Promise<DetachedInfo[]> {
    try {
      const records = await this.#session.ask('commands', (detached) => detached.list());
      return records.map(detachedInfo);
    } catch (error) {
      // It does not run.
      if (SandboxError.is(error) && error.code === 'NOT_FOUND') return [];
      throw error;
    }
  }

  async get(id: string): Promise<DetachedCommand> {
    const handle = new DetachedHandle(this.#session, id);
    await handle.inspect();
    return handle;
  }
}

/** What other commands can have, and a program that is in another language than ours may ask for all the same. */
function refuseWhatItCannotHave(options: object): void {
  const names = ['stdin', 'terminal', 'user', 'signal'];
  const asked = Object.entries(options).filter(
    ([name, value]) => names.includes(name) && value !== undefined,
  );
  const [refused] = asked.filter(([name, value]) => !(name === 'stdin' && value === 'none'));
  if (refused === undefined) return;
  throw new SandboxError(
    'INVALID_ARGUMENT',
    `a detached command cannot have ${refused[0]}: it runs by itself, as the sandbox's own user`,
    {
      operation: 'spawn',
      hint: 'Leave it out, or spawn the command without `detached`.',
    },
  );
}
