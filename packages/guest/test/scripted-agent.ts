import { PassThrough } from 'node:stream';
import { encodeFrame, type Frame, HEADER_SIZE, KIND } from '../src/frames.ts';
import { TagStream } from '../src/tag-stream.ts';
import type { Transport } from '../src/transport.ts';

export const GREETING = {
  version: 1,
  agent: 'scripted',
  arch: 'amd64',
  window: 262_144,
  pid: 1,
  uid: 1000,
  gid: 1000,
  groups: [],
  facts: {},
};

export const STATUS = {
  exitCode: 0,
  signal: null,
  cause: 'exit',
  oomKilled: false,
  lost: false,
  durationUs: 1,
  cpuUserUs: 1,
  cpuSystemUs: 1,
  peakMemoryBytes: 1,
  strays: 0,
};

/** An agent's end that does what a test tells it, above all what no agent should do. */
export class ScriptedAgent {
  /** Towards the agent, and from it. */
  readonly stdin: PassThrough;
  readonly stdout = new PassThrough({ highWaterMark: 1 << 24 });
  readonly stderr = new PassThrough();
  readonly refs: string[] = [];
  readonly #exit = Promise.withResolvers<{ exitCode: number | null; signal?: string | null }>();
  readonly #frames: Frame[] = [];
  #rest = Buffer.alloc(0);
  #wake = Promise.withResolvers<void>();
  #tags: TagStream | undefined;
  destroyed = 0;
  ended = false;

  constructor({ stdinHighWaterMark = 1 << 24 } = {}) {
    this.stdin = new PassThrough({ highWaterMark: stdinHighWaterMark });
    this.stdin.on('data', (chunk: Buffer) => this.#read(chunk));
    this.stdin.on('end', () => {
      this.ended = true;
    });
  }

  get transport(): Transport {
    return {
      stdin: this.stdin,
      stdout: this.stdout,
      stderr: this.stderr,
      wait: () => this.#exit.promise,
      ref: () => this.refs.push('ref'),
      unref: () => this.refs.push('unref'),
      destroy: () => {
        this.destroyed += 1;
      },
    };
  }

  /** The next frame from the host that `wanted` accepts; those before it are dropped. */
  async next(wanted: (frame: Frame) => boolean = () => true): Promise<Frame> {
    for (;;) {
      for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
        if (wanted(frame)) return frame;
      }
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
  }

  /** The frames that have arrived and were not asked for. */
  get waiting(): readonly Frame[] {
    return this.#frames;
  }

  async greet(greeting: object = GREETING): Promise<void> {
    await this.next((frame) => frame.kind === KIND.hello);
    this.message(KIND.hello, 0, greeting);
  }

  async request(): Promise<{ id: number; message: Record<string, unknown> }> {
    const frame = await this.next(({ kind }) => kind === KIND.request);
    return { id: frame.id, message: JSON.parse(Buffer.from(frame.payload).toString()) };
  }

  message(kind: number, id: number, message: unknown): void {
    this.send(kind, id, 0, Buffer.from(JSON.stringify(message)));
  }

  send(kind: number, id: number, channel: number, payload: Uint8Array = new Uint8Array(0)): void {
    this.stdout.write(this.encode(kind, id, channel, payload));
  }

  encode(kind: number, id: number, channel: number, payload: Uint8Array): Buffer {
    return encodeFrame({ kind, id, channel, payload }, this.#tags?.next());
  }

  exit(exitCode: number | null, signal: string | null = null): void {
    this.#exit.resolve({ exitCode, signal });
    this.stdout.end();
    this.stderr.end();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEADER_SIZE) {
      const length = this.#rest.readUInt32LE(0);
      if (this.#rest.length < HEADER_SIZE + length) break;
      const frame: Frame = {
        id: this.#rest.readUInt32LE(4),
        kind: this.#rest[8] as number,
        channel: this.#rest[9] as number,
        payload: Buffer.from(this.#rest.subarray(HEADER_SIZE, HEADER_SIZE + length)),
      };
      this.#rest = this.#rest.subarray(HEADER_SIZE + length);
      if (frame.kind === KIND.hello) {
        const { key } = JSON.parse(Buffer.from(frame.payload).toString());
        this.#tags = new TagStream(Buffer.from(key, 'base64'));
      }
      this.#frames.push(frame);
      this.#wake.resolve();
    }
  }
}
