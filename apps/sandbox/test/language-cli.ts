import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { createCli, type InputStream } from '@sandbox/cli';
import type { LanguageCatalog } from '@sandbox/languages';
import { adapters } from '../src/adapters.ts';
import { scope, state, withoutTools } from './app.ts';

const KEPT_BYTES = 2 ** 20;

/** Keeps the beginning, counts the rest, and tells of each piece. */
class Sink extends Writable {
  bytes = 0;
  #text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.bytes < KEPT_BYTES) this.#text += chunk.toString();
    this.bytes += chunk.length;
    this.emit('text');
    done();
  }

  get text(): string {
    return this.#text;
  }
}

/** The program with these languages, in this process. */
export function languageCli(languages: LanguageCatalog) {
  function start(
    words: readonly string[],
    options: { readonly input?: string; readonly scope?: string } = {},
  ) {
    const { input = '' } = options;
    const [stdout, stderr] = [new Sink(), new Sink()];
    const signals = new EventEmitter();
    const stdin = Readable.from([Buffer.from(input)]) as InputStream;
    const ours = {
      SANDBOX_SCOPE: options.scope ?? scope,
      SANDBOX_STATE_DIR: state,
      SANDBOX_CONFIG: withoutTools,
    };
    const env = { ...process.env, ...ours };
    const ended = createCli({ adapters, languages })
      .run(words, { stdin, stdout, stderr, env, signals })
      .then((exitCode) => ({
        ...{ exitCode, bytes: stdout.bytes, stdout: stdout.text, stderr: stderr.text },
        json: () => JSON.parse(stdout.text),
      }));
    return { signals, stdout, text: () => stdout.text, ended };
  }
  const run = (words: readonly string[], options?: Parameters<typeof start>[1]) =>
    start(words, options).ended;
  return { start, run };
}
