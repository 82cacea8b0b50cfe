import type { ReadableStream } from 'node:stream/web';
import type { Body } from './files.ts';
import { invalid } from './message.ts';
import type { OutboundChannel } from './outbound-channel.ts';

/** A body on its way to its end, as fast as the channel takes it. */
export interface Sending {
  /** Rejects with the body's own error, or the channel's. Resolves when it was stopped. */
  readonly done: Promise<void>;
  /** Lets go of the body, read to its end or not, even while it is being waited for. */
  stop(): void;
}

export function sendBody(body: Body, channel: OutboundChannel): Sending {
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const done = channel.write(bytesOf(body));
    channel.end();
    return { done, stop() {} };
  }
  const source = sourceOf(body);
  let over = false;
  const stop = (): void => {
    if (!over) source.cancel();
    over = true;
  };
  const pump = async (): Promise<void> => {
    try {
      for (;;) {
        const { done, value } = await source.next();
        if (done) over = true;
        if (over) return channel.end();
        await channel.write(bytesOf(value));
      }
    } finally {
      stop();
    }
  };
  return { done: pump(), stop };
}

interface Source {
  next(): Promise<{ done?: boolean | undefined; value?: unknown }>;
  cancel(): void;
}

/** A reader can be cancelled while it waits, which an iterator cannot: so streams are read by one. */
function sourceOf(body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>): Source {
  if ('getReader' in body) {
    const reader = body.getReader();
    return { next: () => reader.read(), cancel: () => void reader.cancel().catch(() => {}) };
  }
  const iterator = body[Symbol.asyncIterator]();
  return { next: () => iterator.next(), cancel: () => void iterator.return?.()?.catch(() => {}) };
}

function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw invalid(`a body is made of strings and Uint8Arrays, not of ${typeof chunk}`);
}
