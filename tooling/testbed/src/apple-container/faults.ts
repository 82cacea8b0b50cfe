import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from './failure.ts';

/**
 * What is switched on, from `FAKE_CONTAINER_FAULTS=hang:list,slow-rm:2000,swallow-signals`:
 *
 * - `hang:<command>`: it never answers. `image-inspect` for one of a group.
 * - `list-timeout`, `xpc-interrupted:<command>`: it ends with the real message.
 * - `slow-rm:<ms>`: a removed container stays in lists for so long, and its name taken.
 * - `swallow-signals`: as 1.0 to 1.2.2, TERM and INT do not reach the process; the third ends the client.
 * - `late-start:<ms>`: a start takes so long.
 * - `json-shape:<release>`, `status-shape:<release>`: JSON as that release printed it.
 * - `stopped`: the services were not started.
 */
export class Faults {
  readonly #on: ReadonlyMap<string, readonly string[]>;

  constructor(text: string) {
    const on = new Map<string, string[]>();
    for (const word of text.split(/[\s,]+/).filter(Boolean)) {
      const [name = '', argument = ''] = word.split(/[:=]/);
      on.set(name, [...(on.get(name) ?? []), argument]);
    }
    this.#on = on;
  }

  has(name: string, argument?: string): boolean {
    const found = this.#on.get(name);
    return found !== undefined && (argument === undefined || found.includes(argument));
  }

  /** Its argument; undefined where it is off. */
  argument(name: string): string | undefined {
    return this.#on.get(name)?.[0];
  }

  /** What may happen to any command before it has done anything. */
  async before(command: string): Promise<void> {
    const word = command.replaceAll(' ', '-');
    // Something has to keep the program alive.
    while (this.has('hang', word)) await sleep(60_000);
    if (this.has('stopped') && !word.startsWith('system-')) throw stopped(command);
    if (this.has('xpc-interrupted', word)) throw failure(connection(command, 'interrupted'));
    if (this.has('list-timeout') && (word === 'list' || word === 'inspect')) {
      throw failure(
        'internalError: "failed to list containers" (cause: "timeout: "XPC timeout for request to com.apple.container.apiserver/containerList"")',
      );
    }
  }
}

function connection(command: string, how: string): string {
  return `internalError: "failed to ${command} containers" (cause: "interrupted: "XPC connection error: Connection ${how}"")`;
}

function stopped(command: string): Error {
  return failure(
    `${connection(command, 'invalid')}\nEnsure container system service has been started with \`container system start\`.`,
  );
}
