import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GuestSession } from '@sandbox/guest';
import { BareProgram } from './bare-program.ts';
import { compareMedians, compareValues, type Part } from './figure.ts';
import { drain, openLocalSession, runQuietly } from './local-session.ts';
import { makeSampleFiles } from './sample-files.ts';
import { p95 } from './statistics.ts';
import { rate, takeTurns, timed, timedEach } from './take-turns.ts';

const TRUE = '/bin/true';
const GIGABYTE = ['head', '-c', '1000000000', '/dev/zero'] as const;

/** What needs only the agent and this library: no engine, no isolation. */
export const pipeParts: readonly Part[] = [
  {
    name: 'pipe-true',
    about: '`true` through a session over local pipes, beside the bare fork and exec',
    async measure(runs = 40) {
      await using local = await openLocalSession();
      await using bare = await BareProgram.start();
      const { ours, ping, reference } = await takeTurns(runs, {
        ours: () => timedEach(25, () => runQuietly(local.session, [TRUE])),
        ping: () => timedEach(25, () => local.session.ping()),
        reference: () => bare.each(TRUE, 25),
      });
      const referenceName = 'bare fork+exec';
      return [
        compareMedians({
          name: 'pipe/true',
          unit: 'ms',
          ours,
          reference,
          referenceName,
          goal: { atMost: 2 },
        }),
        compareMedians({ name: 'pipe/ping', unit: 'ms', ours: ping, reference, referenceName }),
      ];
    },
  },
  {
    name: 'pipe-commands',
    about: 'commands a second, 16 in flight',
    async measure(runs = 10) {
      await using local = await openLocalSession();
      await using bare = await BareProgram.start();
      const { ours, reference } = await takeTurns(runs, {
        ours: () => rate(500, 16, () => runQuietly(local.session, [TRUE])),
        reference: () => bare.rate(TRUE, 500, 16),
      });
      const referenceName = 'bare fork+exec';
      return [
        compareMedians({ name: 'pipe/commands-16', unit: 'commands/s', ours, reference, referenceName }),
      ];
    },
  },
  {
    name: 'pipe-stdout',
    about: '1 GB of stdout, and what it adds to this process',
    async measure(runs = 3) {
      await using local = await openLocalSession();
      const growth: number[] = [];
      const { ours, reference } = await takeTurns(runs, {
        ours: async () => {
          const watch = watchMemory();
          const speed = await throughput(() => drain(local.session, GIGABYTE));
          growth.push(watch.stop());
          return speed;
        },
        reference: () => throughput(plainPipe),
      });
      return [
        compareMedians({
          name: 'pipe/stdout-1gb',
          unit: 'MB/s',
          ours,
          reference,
          referenceName: 'plain pipe into Node',
        }),
        memoryRow('pipe/stdout-1gb-memory', growth),
      ];
    },
  },
  {
    name: 'pipe-files',
    about: '1,000 files of 10 KB in, as an archive',
    async measure(runs = 10) {
      await using local = await openLocalSession();
      const source = join(local.directory, 'source');
      await makeSampleFiles(source);
      let number = 0;
      // They stay until the end: ext4 looks long for an inode after many were freed.
      const target = async (): Promise<string> => {
        const path = join(local.directory, `target-${number++}`);
        await mkdir(path);
        return path;
      };
      const { ours, reference } = await takeTurns(runs, {
        ours: async () => {
          const path = await target();
          return timed(() =>
            local.session.files.tarIn(path, spawn('tar', ['-C', source, '-cf', '-', '.']).stdout),
          );
        },
        reference: async () => {
          const path = await target();
          return timed(() =>
            promisify(execFile)('sh', ['-c', `tar -C ${source} -cf - . | tar -C ${path} -xf -`]),
          );
        },
      });
      return [
        compareMedians({ name: 'pipe/files-1000', unit: 'ms', ours, reference, referenceName: 'tar | tar' }),
      ];
    },
  },
  {
    name: 'pipe-flood',
    about: 'short commands beside a stream that floods',
    async measure(runs = 20) {
      await using local = await openLocalSession();
      const { flooded, alone } = await takeTurns(
        runs,
        floodContenders(local.session, () => runQuietly(local.session, [TRUE])),
      );
      return [floodRow('pipe/true-beside-flood-p95', flooded, alone)];
    },
  },
];

/** A command alone, and beside one that prints without end. */
export function floodContenders(session: GuestSession, command: () => Promise<unknown>) {
  return {
    alone: () => timedEach(25, command),
    flooded: async () => {
      const flood = session.exec({
        argv: ['cat', '/dev/zero'],
        onStdout: (_chunk, release) => release(),
        started: true,
      });
      await flood.pid;
      const times = await timedEach(25, command);
      flood.cancel();
      await flood.done;
      return times;
    },
  };
}

export function floodRow(name: string, flooded: readonly number[], alone: readonly number[]) {
  const values = { ours: p95(flooded), reference: p95(alone), referenceName: 'p95 of the same, alone' };
  return compareValues({ name, unit: 'ms', ...values, goal: { atMost: 20 } });
}

/**
 * Growth of this process, against the 64 MB that it may grow by. The first round does not count: whatever reads a gigabyte through a
 * stream of Node's, a plain pipe too, leaves some 70 MB of buffers lying before they are collected for the first time.
 */
export function memoryRow(name: string, [, ...growth]: readonly number[]) {
  return compareValues({
    name,
    unit: 'MB',
    ours: Math.max(...growth),
    reference: 64,
    referenceName: 'what it may grow by',
    goal: { atMost: 1 },
  });
}

/** The most that this process has grown by, in MB. */
export function watchMemory(): { stop(): number } {
  const before = process.memoryUsage.rss();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 10);
  return {
    stop() {
      clearInterval(timer);
      return (Math.max(peak, process.memoryUsage.rss()) - before) / 1e6;
    },
  };
}

export async function throughput(work: () => Promise<number>): Promise<number> {
  let bytes = 0;
  const ms = await timed(async () => {
    bytes = await work();
  });
  return bytes / 1_000 / ms;
}

async function plainPipe(): Promise<number> {
  const [program, ...args] = GIGABYTE;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(child.stdout, 'end');
  return bytes;
}
