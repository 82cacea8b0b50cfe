import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { CliIo, InputStream, OutputStream } from '../src/index.ts';

export interface CapturedIo extends CliIo {
  readonly signals: EventEmitter;
  readonly out: () => string;
  readonly err: () => string;
}

function sink(): { stream: OutputStream; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

let state: string | undefined;

/** Of this test's own, and gone with it. */
export function stateDirectory(): string {
  if (state === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'sandbox-cli-state-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    state = made;
  }
  return state;
}

/** Surroundings that keep what was printed, and whose signals are the test's to send. */
export function capturedIo(given: Partial<CliIo> = {}): CapturedIo {
  const stdout = sink();
  const stderr = sink();
  return {
    stdin: Readable.from([]) as InputStream,
    stdout: stdout.stream,
    stderr: stderr.stream,
    cwd: process.cwd(),
    ...given,
    // Whatever is configured on this machine.
    env: { SANDBOX_STATE_DIR: stateDirectory(), ...(given.env ?? { SANDBOX_CONFIG: '/dev/null' }) },
    signals: new EventEmitter(),
    out: stdout.text,
    err: stderr.text,
  };
}
