import { describe, expect, it } from 'vitest';
import { InboundChannel, WINDOW } from './inbound-channel.ts';

function recorded({ release = true } = {}) {
  const chunks: Uint8Array[] = [];
  const releases: (() => void)[] = [];
  const grants: number[] = [];
  let ends = 0;
  const sink = {
    chunk(bytes: Uint8Array, done: () => void): void {
      chunks.push(bytes);
      if (release) done();
      else releases.push(done);
    },
    end(): void {
      ends += 1;
    },
  };
  const channel = new InboundChannel(sink, (bytes) => grants.push(bytes));
  const send = (bytes: Uint8Array): void => {
    channel.accept(bytes.length);
    channel.push(bytes);
  };
  return { channel, chunks, releases, grants, send, ends: () => ends };
}

describe('InboundChannel', () => {
  it('grants again what was consumed, once it is half of the window', () => {
    const { send, grants } = recorded();
    send(new Uint8Array(WINDOW / 2 - 1));
    expect(grants).toEqual([]);
    send(new Uint8Array(1));
    expect(grants).toEqual([WINDOW / 2]);
  });

  it('takes exactly a window from who is not granted more', () => {
    const { channel, send, grants } = recorded({ release: false });
    send(new Uint8Array(WINDOW));
    expect(grants).toEqual([]);
    expect(() => channel.accept(1)).toThrow(/more than it had credit for/);
  });

  it('counts a release once', () => {
    const { send, releases, grants } = recorded({ release: false });
    send(new Uint8Array(WINDOW / 2 - 1));
    for (let n = 0; n < 3; n += 1) releases[0]?.();
    expect(grants).toEqual([]);
  });

  it('puts tiny pieces together when nobody takes them, and loses none', () => {
    const { channel, send, chunks, releases, ends } = recorded({ release: false });
    const total = 200_000;
    for (let n = 0; n < total; n += 1) send(new Uint8Array([n & 0xff]));
    expect(chunks.length).toBe(1_024);
    for (let n = 0; n < releases.length; n += 1) releases[n]?.();
    channel.end();
    const all = Buffer.concat(chunks);
    expect(all.length).toBe(total);
    expect(all.every((byte, index) => byte === (index & 0xff))).toBe(true);
    expect(chunks.length).toBeLessThan(1_100);
    expect(ends()).toBe(1);
  });

  it('keeps the order while some pieces are released and others wait', () => {
    const { channel, send, chunks, releases } = recorded({ release: false });
    let sent = 0;
    for (let round = 0; round < 20_000; round += 1) {
      send(new Uint8Array([sent++ & 0xff]));
      if (round % 3 === 0) releases.shift()?.();
    }
    channel.end();
    const all = Buffer.concat(chunks);
    expect(all.length).toBe(sent);
    expect(all.every((byte, index) => byte === (index & 0xff))).toBe(true);
  });

  it('hands over what is held, then the end', () => {
    const { channel, send, chunks, ends } = recorded({ release: false });
    for (let n = 0; n < 2_000; n += 1) send(new Uint8Array([1]));
    channel.end();
    expect(Buffer.concat(chunks).length).toBe(2_000);
    expect(ends()).toBe(1);
    expect(() => channel.accept(1)).toThrow(/after the end/);
  });

  it('does not keep a large buffer for a small piece', () => {
    const { send, chunks } = recorded();
    send(new Uint8Array(new ArrayBuffer(65_536), 100, 10));
    expect(chunks[0]?.buffer.byteLength).toBe(10);
  });

  it('throws away what comes after it was closed', () => {
    const { channel, send, chunks, ends } = recorded();
    expect(channel.close()).toBe(true);
    expect(channel.close()).toBe(false);
    send(new Uint8Array(10));
    channel.end();
    expect(chunks).toEqual([]);
    expect(ends()).toBe(0);
  });
});
