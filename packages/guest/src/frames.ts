/** The frames of PROTOCOL.md, as bytes. */

export const PROTOCOL_VERSION = 1;
export const HEADER_SIZE = 20;
export const MAX_PAYLOAD = 1_048_576;

export const KIND = {
  hello: 0x01,
  ping: 0x02,
  pong: 0x03,
  goodbye: 0x04,
  request: 0x10,
  event: 0x11,
  reply: 0x12,
  control: 0x13,
  data: 0x20,
  end: 0x21,
  credit: 0x22,
  close: 0x23,
} as const;

/** Kinds from here on may be ignored by who does not know them. */
export const FIRST_IGNORABLE_KIND = 0x80;

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2 } as const;

export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly channel: number;
  readonly payload: Uint8Array;
}

/** Writes a header. `tag` is the 8 bytes that only an agent fills in. */
export function encodeHeader(
  target: Buffer,
  length: number,
  kind: number,
  id: number,
  channel: number,
  tag?: Uint8Array,
): void {
  target.writeUInt32LE(length, 0);
  target.writeUInt32LE(id, 4);
  target[8] = kind;
  target[9] = channel;
  target.fill(0, 10, HEADER_SIZE);
  if (tag !== undefined) target.set(tag, 12);
}

/** A whole frame in one buffer. */
export function encodeFrame(frame: Frame, tag?: Uint8Array): Buffer {
  if (frame.payload.length > MAX_PAYLOAD) throw new RangeError(`a payload of ${frame.payload.length} bytes`);
  const bytes = Buffer.allocUnsafe(HEADER_SIZE + frame.payload.length);
  encodeHeader(bytes, frame.payload.length, frame.kind, frame.id, frame.channel, tag);
  bytes.set(frame.payload, HEADER_SIZE);
  return bytes;
}
