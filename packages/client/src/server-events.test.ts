import { expect, test } from 'vitest';
import { eventsOf, type ServerEvent } from './server-events.ts';

/** The bytes of a text, so many at a time. */
function inPieces(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + size));
      at += size;
    },
  });
}

async function collected(stream: ReadableStream<Uint8Array>): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of eventsOf(stream)) events.push(event);
  return events;
}

const TEXT =
  ': alive\n\nevent: stdout\ndata: ä😀\ndata:  more\n\n\nid: 7\nevent:result\ndata:{}\n\nevent: cut\ndata: o';
const EVENTS = [
  { event: 'stdout', data: 'ä😀\n more' },
  { event: 'result', data: '{}' },
];

test.each([1, 2, 3, 5, 8, 1_000])('events are the same in pieces of %i bytes', async (size) => {
  expect(await collected(inPieces(TEXT, size))).toEqual(EVENTS);
  expect(await collected(inPieces(TEXT.replaceAll('\n', '\r\n'), size))).toEqual(EVENTS);
});

test('a large event in many pieces is read once, not again with each of them', async () => {
  const data = 'x'.repeat(4 * 2 ** 20);
  const [event] = await collected(inPieces(`event: result\ndata: ${data}\n\n`, 64));
  expect(event?.data.length).toBe(data.length);
});

test('leaving the loop cancels the stream', async () => {
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('event: a\ndata: b\n\n')),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const _ of eventsOf(stream)) break;
  expect(cancelled).toBe(true);
});
