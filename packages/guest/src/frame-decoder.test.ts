import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder, type FrameReceiver } from './frame-decoder.ts';
import { encodeFrame, type Frame, HEADER_SIZE, KIND, MAX_PAYLOAD } from './frames.ts';
import { GuestError } from './guest-error.ts';
import { TagStream } from './tag-stream.ts';

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

/** Puts DATA together again, so that what was decoded can be compared with what was encoded. */
class Recorder implements FrameReceiver {
  readonly frames: Frame[] = [];
  readonly #tags = new TagStream(KEY);

  dataStart(id: number, channel: number): void {
    this.frames.push({ kind: KIND.data, id, channel, payload: Buffer.alloc(0) });
  }

  data(piece: Buffer): void {
    const last = this.frames.pop() as Frame;
    this.frames.push({ ...last, payload: Buffer.concat([last.payload, piece]) });
  }

  frame(kind: number, id: number, channel: number, payload: Buffer): void {
    this.frames.push({ kind, id, channel, payload: Buffer.from(payload) });
  }

  tagMatches(header: Buffer, offset: number): boolean {
    return this.#tags.matches(header, offset);
  }
}

function encodeAll(frames: readonly Frame[]): Buffer {
  const tags = new TagStream(KEY);
  return Buffer.concat(frames.map((frame) => encodeFrame(frame, tags.next())));
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => bytes.subarray(start, at[index] ?? bytes.length));
}

const kinds = [
  KIND.hello,
  KIND.ping,
  KIND.pong,
  KIND.goodbye,
  KIND.event,
  KIND.reply,
  KIND.data,
  KIND.end,
  KIND.credit,
];
const frame: fc.Arbitrary<Frame> = fc.record({
  kind: fc.constantFrom(...kinds),
  id: fc.nat(0xffff_ffff),
  channel: fc.nat(255),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});
const frames = fc.array(frame, { maxLength: 12 });

describe('FrameDecoder', () => {
  it('decodes what was encoded, however the bytes are split', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 40 }), (expected, cuts) => {
        const recorder = new Recorder();
        const decoder = new FrameDecoder(recorder);
        for (const chunk of split(encodeAll(expected), cuts)) decoder.push(chunk);
        expect(recorder.frames).toEqual(expected);
        expect(decoder.atBoundary).toBe(true);
        expect(decoder.held).toBe(0);
      }),
    );
  });

  it('decodes byte by byte', () => {
    const expected = [
      { kind: KIND.reply, id: 7, channel: 0, payload: Buffer.from('{}') },
      { kind: KIND.data, id: 7, channel: 1, payload: Buffer.from('hello') },
      { kind: KIND.end, id: 7, channel: 1, payload: Buffer.alloc(0) },
    ];
    const recorder = new Recorder();
    const decoder = new FrameDecoder(recorder);
    for (const byte of encodeAll(expected)) decoder.push(Buffer.from([byte]));
    expect(recorder.frames).toEqual(expected);
  });

  it('answers mutations with nothing but a GuestError, and holds no more than a frame', () => {
    const mutation = fc.record({ at: fc.nat(), to: fc.nat(255) });
    fc.assert(
      fc.property(
        frames,
        fc.array(mutation, { maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 10 }),
        (good, bad, cuts) => {
          const bytes = encodeAll(good);
          for (const { at, to } of bad) if (bytes.length > 0) bytes[at % bytes.length] = to;
          pushAll(split(bytes, cuts));
        },
      ),
    );
  });

  it('answers garbage with nothing but a GuestError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (chunks) =>
        pushAll(chunks.map((chunk) => Buffer.from(chunk))),
      ),
    );
  });

  it('shows text that is no frame, even when it is shorter than a header', () => {
    expect(() => new FrameDecoder(new Recorder()).push(Buffer.from('no such file\n'))).toThrow(
      /no such file/,
    );
    const decoder = new FrameDecoder(new Recorder());
    decoder.push(Buffer.from('OCI'));
    expect(() => decoder.push(Buffer.from(' runtime exec failed: it is not there'))).toThrow(
      /"OCI runtime exec failed/,
    );
  });

  it('refuses a tag that is not due', () => {
    const tags = new TagStream(KEY);
    const first = encodeFrame(
      { kind: KIND.reply, id: 1, channel: 0, payload: Buffer.from('{}') },
      tags.next(),
    );
    const decoder = new FrameDecoder(new Recorder());
    decoder.push(first);
    expect(() => decoder.push(first)).toThrow(/a frame that the agent did not write/);
  });

  it('refuses an oversize frame before it has come', () => {
    const header = Buffer.alloc(HEADER_SIZE);
    header.writeUInt32LE(MAX_PAYLOAD + 1, 0);
    expect(() => new FrameDecoder(new Recorder()).push(header)).toThrow(GuestError);
  });

  it('ignores kinds that may be ignored, and no others', () => {
    const recorder = new Recorder();
    const next = { kind: KIND.ping, id: 0, channel: 0, payload: Buffer.from('x') };
    const decoder = new FrameDecoder(recorder);
    decoder.push(encodeAll([{ kind: 0x81, id: 1, channel: 9, payload: Buffer.alloc(50_000) }, next]));
    expect(recorder.frames).toEqual([next]);
    for (const kind of [0x00, 0x05, KIND.request, KIND.control, 0x24, 0x7f]) {
      const bytes = encodeAll([{ kind, id: 1, channel: 0, payload: Buffer.alloc(0) }]);
      expect(() => new FrameDecoder(new Recorder()).push(bytes)).toThrow(/which no agent sends/);
    }
  });

  it('stops in the middle of a chunk', () => {
    const recorder = new Recorder();
    const decoder = new FrameDecoder({
      dataStart: () => {},
      data: () => {},
      tagMatches: (header, offset) => recorder.tagMatches(header, offset),
      frame: (kind, id, channel, payload) => {
        recorder.frame(kind, id, channel, payload);
        decoder.stop();
      },
    });
    const ping = { kind: KIND.ping, id: 0, channel: 0, payload: Buffer.alloc(0) };
    decoder.push(encodeAll([ping, ping, ping]));
    expect(recorder.frames).toHaveLength(1);
  });
});

function pushAll(chunks: readonly Buffer[]): void {
  const decoder = new FrameDecoder(new Recorder());
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      expect(decoder.held).toBeLessThanOrEqual(MAX_PAYLOAD + HEADER_SIZE);
    }
  } catch (error) {
    if (!GuestError.isGuestError(error)) throw error;
  }
}
