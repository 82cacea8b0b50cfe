import { CHANNEL } from './frames.ts';
import { GuestError } from './guest-error.ts';
import type { InboundChannel } from './inbound-channel.ts';
import { errorOf, type Message } from './message.ts';
import type { OutboundChannel } from './outbound-channel.ts';

/** A request in flight, as the connection sees it. */
export abstract class Request {
  readonly operation: string;
  /** Given by the connection when the request is sent. */
  id = 0;
  stdin: OutboundChannel | undefined;
  stdout: InboundChannel | undefined;
  stderr: InboundChannel | undefined;

  constructor(operation: string) {
    this.operation = operation;
  }

  /** A channel from the agent. Throws for one that the request does not have: no agent uses that. */
  inbound(channel: number): InboundChannel {
    const inbound =
      channel === CHANNEL.stdout ? this.stdout : channel === CHANNEL.stderr ? this.stderr : undefined;
    return inbound ?? this.#noChannel(channel);
  }

  /** A channel towards the agent; likewise. */
  outbound(channel: number): OutboundChannel {
    return (channel === CHANNEL.stdin ? this.stdin : undefined) ?? this.#noChannel(channel);
  }

  #noChannel(channel: number): never {
    throw new GuestError('UNKNOWN', `the agent used channel ${channel} of ${this.operation}, which has none`);
  }

  /** An event; `length` is its size in bytes. Throws for what no agent says. */
  event(_message: Message, _length: number): void {}

  /** The request's end, by the agent. All channels were ended before. Throws for what no agent says. */
  abstract reply(message: Message): void;

  /** The request's end, by an error: the agent's own, or that the session has ended. */
  abstract fail(error: GuestError): void;

  /** The session has ended before the request has. */
  lost(end: GuestError): void {
    this.fail(unavailable(end, this.operation));
  }

  settle(message: Message): void {
    const error = message.error;
    if (error === undefined) {
      this.endChannels(brokenPipe());
      this.reply(message);
    } else {
      const failure = errorOf(error, this.operation);
      this.endChannels(failure);
      this.fail(failure);
    }
  }

  endChannels(refusal: GuestError): void {
    this.stdin?.refuse(refusal);
    this.stdout?.end();
    this.stderr?.end();
  }
}

/** A request whose reply is its whole result. */
export class ReplyRequest<T> extends Request {
  readonly #parse: (message: Message) => T;
  readonly #result = Promise.withResolvers<T>();

  constructor(operation: string, parse: (message: Message) => T) {
    super(operation);
    this.#parse = parse;
    this.#result.promise.catch(() => {});
  }

  get result(): Promise<T> {
    return this.#result.promise;
  }

  override reply(message: Message): void {
    this.#result.resolve(this.#parse(message));
  }

  /** Also ends the caller's wait before the agent has answered: what it answers then is dropped. */
  override fail(error: unknown): void {
    this.#result.reject(error);
  }
}

export function brokenPipe(): GuestError {
  return new GuestError('FAILED_PRECONDITION', 'nobody reads this stream any more', { errno: 'EPIPE' });
}

export function unavailable(end: GuestError | undefined, operation: string): GuestError {
  const why = end === undefined ? 'the session was closed' : `the session has ended: ${end.message}`;
  return new GuestError('UNAVAILABLE', why, { cause: end, operation });
}
