import type { ByteStream } from '@sandbox/core';
import { type OutputStream, ReaderGone, write } from '../cli-io.ts';

/** Where the two outputs of a command go. */
export interface Outputs {
  /** Settles when the stream has ended and all of it was taken. Rejects when it cannot be written, unless its reader has just gone. */
  stdout(source: ByteStream): Promise<void>;
  stderr(source: ByteStream): Promise<void>;
}

/** To our own streams as it comes, byte for byte. A slow reader slows the command; nothing piles up here. */
export class StreamedOutputs implements Outputs {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;

  constructor(stdout: OutputStream, stderr: OutputStream) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  stdout(source: ByteStream): Promise<void> {
    return pass(source, this.#stdout);
  }

  stderr(source: ByteStream): Promise<void> {
    return pass(source, this.#stderr);
  }
}

/** Leaving the loop cancels the source: the command then gets SIGPIPE, as it would in a pipeline of the shell. */
async function pass(source: ByteStream, target: OutputStream): Promise<void> {
  for await (const chunk of source) {
    try {
      await write(target, chunk);
    } catch (error) {
      if (error instanceof ReaderGone) return;
      throw error;
    }
  }
}

/** The first `maximum` bytes of each, for `--json`; what is beyond is taken and thrown away. */
export class CollectedOutputs implements Outputs {
  readonly #stdout: Collected;
  readonly #stderr: Collected;

  constructor(maximum = 10 * 1024 * 1024) {
    this.#stdout = new Collected(maximum);
    this.#stderr = new Collected(maximum);
  }

  stdout(source: ByteStream): Promise<void> {
    return this.#stdout.take(source);
  }

  stderr(source: ByteStream): Promise<void> {
    return this.#stderr.take(source);
  }

  /** In the names of `--json`. */
  report(): { stdout: string; stderr: string; stdoutTruncated: boolean; stderrTruncated: boolean } {
    return {
      stdout: this.#stdout.text(),
      stderr: this.#stderr.text(),
      stdoutTruncated: this.#stdout.truncated,
      stderrTruncated: this.#stderr.truncated,
    };
  }
}

class Collected {
  truncated = false;
  readonly #maximum: number;
  #room: number;
  #text = '';
  // Lenient, one for the whole stream, so that a character cut in two by a chunk's end is whole again.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(maximum: number) {
    this.#maximum = maximum;
    this.#room = maximum;
  }

  async take(source: ByteStream): Promise<void> {
    for await (const chunk of source) {
      if (chunk.length > this.#room) this.truncated = true;
      if (this.#room === 0) continue;
      const piece = chunk.subarray(0, this.#room);
      this.#room -= piece.length;
      this.#text += this.#decoder.decode(piece, { stream: true });
    }
    // Of a text that was cut, the character that the cut went through is left out.
    if (!this.truncated && this.#room < this.#maximum) this.#text += this.#decoder.decode();
  }

  text(): string {
    return this.#text;
  }
}
