import type { FrameReceiver } from './frame-decoder.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { FrameWriter } from './frame-writer.ts';
import { CHANNEL, KIND } from './frames.ts';
import { GuestError } from './guest-error.ts';
import { InboundChannel, type InboundSink } from './inbound-channel.ts';
import { encodeMessage, errorOf, type Message, parseMessage } from './message.ts';
import { OutboundChannel } from './outbound-channel.ts';
import { Pings } from './pings.ts';
import { brokenPipe, type Request, unavailable } from './request.ts';
import type { SessionEnd } from './session.ts';
import type { TagStream } from './tag-stream.ts';
import type { Transport } from './transport.ts';
import { TransportWatch } from './transport-watch.ts';

const MAX_REQUESTS = 1_024;
const MAX_PING = 64;
const CLOSE_TIMEOUT_MS = 5_000;

/** The channels that a request has; a sink may be missing. */
export interface Channels {
  readonly stdin?: boolean;
  readonly stdout?: { readonly sink?: InboundSink | undefined };
  readonly stderr?: { readonly sink?: InboundSink | undefined };
}

/** Joins frames, requests and the transport, and ends them all together, once. */
export class Connection implements FrameReceiver {
  /** Something has arrived since this was last set to false. */
  heard = false;
  readonly writer: FrameWriter;
  readonly ended: Promise<SessionEnd>;
  /** Resolves when requests may be started. Rejects when the session ends before. */
  readonly opened: Promise<void>;

  readonly #transport: Transport;
  readonly #watch: TransportWatch;
  readonly #decoder = new FrameDecoder(this);
  readonly #tags: TagStream;
  readonly #requests = new Map<number, Request>();
  readonly #waiting = new Set<OutboundChannel>();
  readonly #pings = new Pings();
  readonly #greet: (hello: Message) => { window: number };
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<SessionEnd>();
  #state: 'opening' | 'open' | 'ending' | 'ended' = 'opening';
  #end: SessionEnd | undefined;
  #closing: Promise<void> | undefined;
  #receiving: InboundChannel | undefined;
  /** What a channel towards the agent may send at first: named in its greeting. */
  #window = 0;
  #nextId = 1;
  /** What keeps Node alive: requests, pings, opening and closing. */
  #holds = 1;

  /** `greet` is given the agent's greeting, and throws for one that makes no sense. */
  constructor(transport: Transport, tags: TagStream, greet: (hello: Message) => { window: number }) {
    this.#transport = transport;
    this.#tags = tags;
    this.#greet = greet;
    this.ended = this.#ended.promise;
    this.opened = this.#opened.promise;
    this.opened.catch(() => {});
    this.writer = new FrameWriter(transport.stdin, () => this.#writerReady());
    this.#watch = new TransportWatch(transport, {
      chunk: (chunk) => this.#chunk(chunk),
      gone: (what) => this.#gone(what),
    });
  }

  get running(): number {
    return this.#requests.size;
  }

  /** Puts a request on its way. What stops it reaches the request itself. */
  start(request: Request, message: Message, channels: Channels = {}): void {
    try {
      this.#start(request, message, channels);
    } catch (error) {
      request.fail(error as GuestError);
    }
  }

  #start(request: Request, message: Message, channels: Channels): void {
    const { operation } = request;
    if (this.#state !== 'open') throw unavailable(this.#end?.error, operation);
    if (this.#requests.size >= MAX_REQUESTS) {
      throw new GuestError('RESOURCE_EXHAUSTED', `${MAX_REQUESTS} requests are running`, { operation });
    }
    const json = encodeMessage(message);
    request.id = this.#freeId();
    this.#openChannels(request, channels);
    this.#requests.set(request.id, request);
    this.hold();
    this.writer.message(KIND.request, request.id, json);
  }

  /** Sends an order about a running request; about one that has ended, nothing. */
  control(request: Request, message: Message): void {
    if (this.#isRunning(request)) this.writer.message(KIND.control, request.id, JSON.stringify(message));
  }

  /** The host reads this channel no more, if the request has it. */
  closeInbound(request: Request, channel: number): void {
    const inbound = channel === CHANNEL.stderr ? request.stderr : request.stdout;
    if (inbound?.close() && this.#isRunning(request)) {
      this.writer.frame(KIND.close, request.id, channel);
    }
  }

  ping(): Promise<number> {
    if (this.#state !== 'open') return Promise.reject(unavailable(this.#end?.error, 'ping'));
    this.hold();
    return this.#pings.send(this.writer);
  }

  hold(): void {
    if (this.#holds++ === 0) this.#transport.ref?.();
  }

  drop(): void {
    if (--this.#holds === 0) this.#transport.unref?.();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Ends everything because of silence: nothing more is waited for. */
  lose(code: 'DEADLINE_EXCEEDED' | 'UNAVAILABLE', what: string): void {
    const message = this.#watch.describe(what, { opening: this.#state === 'opening' });
    this.finish('lost', new GuestError(code, message, { operation: 'session' }));
  }

  /** Ends everything, once: what runs is lost, and the transport is dropped. */
  finish(reason: SessionEnd['reason'], error?: GuestError): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#end = error === undefined ? { reason } : { reason, error };
    this.#decoder.stop();
    this.writer.stop();
    this.#waiting.clear();
    const loss = error ?? new GuestError('UNAVAILABLE', 'the session was closed');
    this.#opened.reject(loss);
    this.#pings.rejectAll(unavailable(error, 'ping'));
    for (const request of this.#requests.values()) {
      request.endChannels(unavailable(error, request.operation));
      request.lost(loss);
    }
    this.#requests.clear();
    this.#watch.stop();
    this.#transport.destroy();
    this.#ended.resolve(this.#end);
  }

  // From the decoder.

  tagMatches(header: Buffer, offset: number): boolean {
    return this.#tags.matches(header, offset);
  }

  dataStart(id: number, channel: number, length: number): void {
    if (this.#state === 'opening') throw new GuestError('UNKNOWN', 'the agent sent data before its greeting');
    const request = this.#requests.get(id);
    this.#receiving = request?.inbound(channel);
    this.#receiving?.accept(length);
  }

  data(piece: Buffer): void {
    this.#receiving?.push(piece);
  }

  frame(kind: number, id: number, channel: number, payload: Buffer): void {
    if (kind === KIND.goodbye) this.#goodbye(payload);
    else if (kind === KIND.hello) this.#hello(payload);
    else if (this.#state === 'opening')
      throw new GuestError('UNKNOWN', 'the agent did not begin with a greeting');
    else if (kind === KIND.ping) this.#pingReceived(payload);
    else if (kind === KIND.pong) {
      if (this.#pings.answered(payload)) this.drop();
    } else {
      const request = this.#requests.get(id);
      if (request !== undefined) this.#requestFrame(request, kind, channel, payload);
    }
  }

  #requestFrame(request: Request, kind: number, channel: number, payload: Buffer): void {
    if (kind === KIND.event) request.event(parseMessage(payload), payload.length);
    else if (kind === KIND.reply) this.#replied(request, payload);
    else if (kind === KIND.end) request.inbound(channel).end();
    else if (kind === KIND.close) request.outbound(channel).refuse(brokenPipe());
    else if (payload.length === 4) request.outbound(channel).grant(payload.readUInt32LE(0));
    else throw new GuestError('UNKNOWN', `a grant of credit in ${payload.length} bytes`);
  }

  #hello(payload: Buffer): void {
    if (this.#state !== 'opening') throw new GuestError('UNKNOWN', 'the agent greeted twice');
    this.#window = this.#greet(parseMessage(payload)).window;
    this.#state = 'open';
    this.#watch.forgetGreeting();
    this.drop();
    this.#opened.resolve();
  }

  #goodbye(payload: Buffer): void {
    this.finish('goodbye', errorOf(parseMessage(payload), 'session'));
  }

  #pingReceived(payload: Buffer): void {
    if (payload.length > MAX_PING) throw new GuestError('UNKNOWN', `a ping of ${payload.length} bytes`);
    // Who does not read gets no answers to keep for him.
    if (this.writer.ready) this.writer.frame(KIND.pong, 0, 0, Buffer.from(payload));
  }

  #replied(request: Request, payload: Buffer): void {
    request.settle(parseMessage(payload));
    // Not before: a reply that makes no sense ends the session, and the request with it.
    if (this.#requests.delete(request.id)) this.drop();
  }

  // From the transport.

  #chunk(chunk: Buffer): void {
    this.heard = true;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.#violated(error);
    }
  }

  #violated(cause: unknown): void {
    if (this.#state === 'ended') return;
    const error = GuestError.isGuestError(cause)
      ? cause
      : new GuestError('UNKNOWN', String(cause), { cause });
    this.#decoder.stop();
    const opening = this.#state === 'opening';
    this.#state = 'ending';
    this.#end = { reason: 'protocol', error };
    void this.#watch.explain(error.message, { opening }).then((message) => {
      this.finish(
        'protocol',
        new GuestError(error.code, message, { cause: error.cause, operation: 'session' }),
      );
    });
  }

  #gone(what: string): void {
    if (this.#state === 'ending' || this.#state === 'ended' || this.#closing !== undefined) return;
    const opening = this.#state === 'opening';
    this.#state = 'ending';
    this.#end = { reason: 'lost', error: new GuestError('UNAVAILABLE', what) };
    void this.#watch.explain(what, { opening, cut: !this.#decoder.atBoundary }).then((message) => {
      this.finish('lost', new GuestError('UNAVAILABLE', message, { operation: 'session' }));
    });
  }

  async #close(): Promise<void> {
    this.hold();
    if (this.#state === 'ending' || this.#state === 'ended') {
      await this.ended;
      return;
    }
    this.#state = 'ending';
    this.writer.end();
    await this.#watch.exited(CLOSE_TIMEOUT_MS, this.ended);
    this.finish('closed');
  }

  #writerReady(): void {
    for (const channel of this.#waiting) {
      if (!this.writer.ready) return;
      this.#waiting.delete(channel);
      channel.pump();
    }
  }

  #openChannels(request: Request, { stdin, stdout, stderr }: Channels): void {
    if (stdin) {
      const wait = (channel: OutboundChannel): void => {
        this.#waiting.add(channel);
      };
      request.stdin = new OutboundChannel(request.id, this.#window, this.writer, wait);
    }
    if (stdout) request.stdout = this.#inbound(request, CHANNEL.stdout, stdout.sink);
    if (stderr) request.stderr = this.#inbound(request, CHANNEL.stderr, stderr.sink);
  }

  #inbound(request: Request, channel: number, sink: InboundSink | undefined): InboundChannel {
    return new InboundChannel(sink, (bytes) => {
      if (this.#isRunning(request)) this.writer.credit(request.id, channel, bytes);
    });
  }

  #isRunning(request: Request): boolean {
    return this.#requests.get(request.id) === request;
  }

  #freeId(): number {
    while (this.#nextId === 0 || this.#requests.has(this.#nextId)) this.#nextId = (this.#nextId + 1) >>> 0;
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    return id;
  }
}
