import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Unavailable } from './figure.ts';

/** Runs a program with nothing around it, from a small Go program that waits for orders. */
export class BareProgram {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #directory: string;

  private constructor(child: ChildProcessWithoutNullStreams, directory: string) {
    this.#child = child;
    this.#directory = directory;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(): Promise<BareProgram> {
    const directory = await mkdtemp(join(tmpdir(), 'bench-bare-'));
    const binary = join(directory, 'bare');
    const cwd = fileURLToPath(new URL('../bare/', import.meta.url));
    try {
      await promisify(execFile)('go', ['build', '-o', binary, '.'], { cwd });
    } catch (error) {
      await rm(directory, { recursive: true });
      throw new Unavailable(
        `the bare reference needs Go on PATH (${(error as Error).message.split('\n')[0]})`,
      );
    }
    return new BareProgram(spawn(binary, { stdio: ['pipe', 'pipe', 'pipe'] }), directory);
  }

  /** Milliseconds of each run, one after the other. */
  async each(program: string, count: number): Promise<number[]> {
    return (await this.#order(program, count, 1)).slice(1).map((nanoseconds) => nanoseconds / 1e6);
  }

  /** Runs a second, with so many in flight. */
  async rate(program: string, count: number, inFlight: number): Promise<number> {
    const [nanoseconds] = await this.#order(program, count, inFlight);
    return (count * 1e9) / (nanoseconds ?? Number.NaN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #order(program: string, count: number, inFlight: number): Promise<number[]> {
    this.#child.stdin.write(`${count} ${inFlight} ${program}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Unavailable(`the bare reference could not run ${program}`);
    return line.value.split(' ').map(Number);
  }
}
