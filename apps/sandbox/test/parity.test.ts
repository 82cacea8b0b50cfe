import { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { type CommandReport, createCli, type InputStream } from '@sandbox/cli';
import { containerDouble } from '@sandbox/testbed/apple-container';
import { describe, expect, test } from 'vitest';
import { adapters } from '../src/adapters.ts';
import { scope } from './app.ts';
import { PARITY_CASES, type ParityCase } from './parity-cases.ts';

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(',').filter(Boolean);
const runtimes = adapters.map(({ runtime }) => runtime).filter((runtime) => named.includes(runtime));
const cli = createCli({ adapters });

// Off a Mac it is played by the testbed's double.
if (named.includes('apple-container')) process.env.APPLE_CONTAINER_PATH ??= containerDouble;

/** What has to be the same on every runtime: all that is not time, name, usage or the words of a report. */
interface Outcome {
  readonly exit: number;
  readonly keys: readonly string[];
  readonly report: Pick<CommandReport, 'command' | 'ending' | 'exitCode' | 'signal' | 'stdout' | 'stderr'>;
  readonly truncated: readonly boolean[];
  readonly error: string | undefined;
}

async function outcomeOn(
  runtime: string,
  { options = [], command, stdin = '' }: ParityCase,
): Promise<Outcome> {
  const chunks: Buffer[] = [];
  const keep = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const exit = await cli.run(['run', '--runtime', runtime, '--json', ...options, ...command], {
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]) as InputStream,
    stdout: keep,
    stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
    env: { ...process.env, SANDBOX_SCOPE: scope, SANDBOX_PARITY_CANARY: 'seen' },
    signals: new EventEmitter(),
  });
  const report = JSON.parse(Buffer.concat(chunks).toString()) as CommandReport;
  const { ending, exitCode, signal, stdout, stderr, stdoutTruncated, stderrTruncated, error } = report;
  return {
    exit,
    keys: Object.keys(report),
    report: { command: report.command, ending, exitCode, signal, stdout, stderr },
    truncated: [stdoutTruncated, stderrTruncated],
    error: error?.code,
  };
}

/** What comes of each case on the first runtime, with which the others are compared: run once for all of them. */
const onFirst = new Map<ParityCase, Promise<Outcome>>();

function outcome(runtime: string, row: ParityCase): Promise<Outcome> {
  if (runtime !== runtimes[0]) return outcomeOn(runtime, row);
  const known = onFirst.get(row) ?? outcomeOn(runtime, row);
  onFirst.set(row, known);
  return known;
}

describe('the same command comes to the same end', () => {
  test('a runtime is named', ({ skip }) => {
    skip(runtimes.length === 0, 'SANDBOX_RUNTIMES names none of the bundled runtimes');
    expect(runtimes.length).toBeGreaterThan(0);
  });

  for (const runtime of runtimes) {
    describe(`on ${runtime}`, () => {
      test.each(PARITY_CASES)('$name', async (row) => {
        const { exit = 0, ending = 'exited', stdout, error } = row;
        const here = await outcome(runtime, row);
        expect(here).toMatchObject({ exit, report: { ending }, error });
        if (ending === 'exited') expect(here.report.exitCode).toBe(exit);
        if (stdout !== undefined) expect(here.report.stdout).toBe(stdout);
        expect(here).toEqual(await outcome(runtimes[0] ?? runtime, row));
      });
    });
  }
});
