import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSandboxes, type RuntimeAdapter, type Sandbox, type Sandboxes } from '@sandbox/core';
import { BareProgram } from './bare-program.ts';
import { Engine } from './engine.ts';
import { compareMedians, type Part, Unavailable } from './figure.ts';
import { floodRow, memoryRow, throughput, watchMemory } from './pipe-parts.ts';
import { makeSampleFiles } from './sample-files.ts';
import { rate, takeTurns, timed, timedEach } from './take-turns.ts';

const IMAGE = process.env.SANDBOX_BENCH_IMAGE ?? 'debian:bookworm-slim';
const TRUE = ['/bin/true'] as const;
const GIGABYTE = ['head', '-c', '1000000000', '/dev/zero'] as const;
const GUEST_ID = 1_000;

/** An engine that speaks the Docker API. */
export interface BenchedEngine {
  /** Its name in those of the parts, and its command line's. */
  readonly name: string;
  createAdapter(): RuntimeAdapter;
  /** How many times as fast as its own exec `true` must be in an open sandbox, one by one and 16 in flight. */
  readonly execGoals: { readonly each: number; readonly inFlight: number };
}

/** What needs an engine: the library as a program uses it, beside the engine's own API. */
export const engineParts = (benched: BenchedEngine): readonly Part[] => [
  {
    name: `${benched.name}-one-shot`,
    about: 'a command in a sandbox of its own, create to removed',
    measure: (runs = 20) =>
      withSandboxes(benched, async (sandboxes, engine) => {
        const { ours, reference } = await takeTurns(runs, {
          ours: () => timed(() => sandboxes.run(TRUE, { image: IMAGE, pull: 'never' })),
          reference: () => timed(() => engine.oneShot(TRUE)),
        });
        const referenceName = 'create + start + wait + remove, raw API';
        return [
          compareMedians({
            name: `${benched.name}/one-shot`,
            unit: 'ms',
            ours,
            reference,
            referenceName,
            goal: { atMost: 1.1 },
          }),
        ];
      }),
  },
  {
    name: `${benched.name}-true`,
    about: "`true` in an open sandbox, beside the bare fork and exec and the engine's exec",
    measure: (runs = 30) =>
      withSandbox(benched, async (sandbox, engine) => {
        await using bare = await BareProgram.start();
        await using program = await guestProgram(sandbox, TRUE[0]);
        const { ours, exec, fork } = await takeTurns(runs, {
          ours: () => timedEach(20, () => succeed(sandbox, TRUE)),
          exec: () => timedEach(2, () => engine.exec(sandbox.name, TRUE)),
          fork: () => bare.each(program.path, 20),
        });
        const row = { unit: 'ms', ours } as const;
        return [
          compareMedians({
            ...row,
            name: `${benched.name}/true`,
            reference: fork,
            referenceName: 'bare fork+exec',
            goal: { atMost: 2.5 },
          }),
          compareMedians({
            ...row,
            name: `${benched.name}/true-exec`,
            reference: exec,
            referenceName: "the engine's exec",
            goal: { atMost: 1 / benched.execGoals.each },
          }),
        ];
      }),
  },
  {
    name: `${benched.name}-commands`,
    about: 'commands a second in an open sandbox, 16 in flight',
    measure: (runs = 8) =>
      withSandbox(benched, async (sandbox, engine) => {
        const { ours, reference } = await takeTurns(runs, {
          ours: () => rate(400, 16, () => succeed(sandbox, TRUE)),
          reference: () => rate(32, 16, () => engine.exec(sandbox.name, TRUE)),
        });
        const name = `${benched.name}/commands-16`;
        return [
          compareMedians({
            name,
            unit: 'commands/s',
            ours,
            reference,
            referenceName: "the engine's exec",
            goal: { atLeast: benched.execGoals.inFlight },
          }),
        ];
      }),
  },
  {
    name: `${benched.name}-stdout`,
    about: '1 GB of stdout, and what it adds to this process',
    measure: (runs = 3) =>
      withSandbox(benched, async (sandbox, engine) => {
        const growth: number[] = [];
        const { ours, reference } = await takeTurns(runs, {
          ours: async () => {
            const watch = watchMemory();
            const speed = await throughput(() => drain(sandbox, GIGABYTE));
            growth.push(watch.stop());
            return speed;
          },
          reference: () => engine.attachedThroughput(GIGABYTE),
        });
        const referenceName = "the engine's attach, no agent";
        return [
          compareMedians({
            name: `${benched.name}/stdout-1gb`,
            unit: 'MB/s',
            ours,
            reference,
            referenceName,
            goal: { atLeast: 0.5 },
          }),
          memoryRow(`${benched.name}/stdout-1gb-memory`, growth),
        ];
      }),
  },
  {
    name: `${benched.name}-files`,
    about: '1,000 files of 10 KB in, to the same file system',
    measure: (runs) => measureFiles(benched, runs),
  },
  {
    name: `${benched.name}-flood`,
    about: 'short commands beside a stream that floods',
    measure: (runs = 20) =>
      withSandbox(benched, async (sandbox) => {
        const command = (): Promise<void> => succeed(sandbox, TRUE);
        const { flooded, alone } = await takeTurns(runs, {
          alone: () => timedEach(20, command),
          flooded: async () => {
            const flood = await sandbox.spawn(['cat', '/dev/zero'], { stdin: 'none' });
            const draining = count(flood.stdout);
            const times = await timedEach(20, command);
            await flood.kill();
            await draining;
            return times;
          },
        });
        return [floodRow(`${benched.name}/true-beside-flood-p95`, flooded, alone)];
      }),
  },
];

async function measureFiles(benched: BenchedEngine, runs = 10) {
  const directory = await mkdtemp(join(tmpdir(), 'bench-files-'));
  try {
    // Where the guest's user must be let through; the files belong to it.
    await chmod(directory, 0o755);
    const source = join(directory, 'source');
    await makeSampleFiles(source);
    const workspace = join(directory, 'workspace');
    await mkdir(workspace);
    await chown(workspace, GUEST_ID, GUEST_ID).catch(() => {});
    return await withSandboxes(benched, async (sandboxes, engine) => {
      await using sandbox = await sandboxes.create({ image: IMAGE, pull: 'never', workspace });
      await using container = await engine.idle(workspace);
      const { ours, reference } = await takeTurns(runs, {
        ours: () => intoFresh(workspace, (name) => sandbox.files.upload(source, `/workspace/${name}`)),
        reference: () =>
          intoFresh(workspace, (name) => engine.copyIn(container.name, source, `/workspace/${name}`)),
      });
      return [
        compareMedians({
          name: `${benched.name}/files-1000`,
          unit: 'ms',
          ours,
          reference,
          referenceName: `${benched.name} cp`,
          goal: { atMost: 1 },
        }),
      ];
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

let targets = 0;

/** Times a copy into a new directory. It stays: ext4 looks long for an inode after many were freed, whoever asks for one. */
async function intoFresh(workspace: string, copy: (name: string) => Promise<unknown>): Promise<number> {
  const name = `target-${targets++}`;
  const path = join(workspace, name);
  await mkdir(path);
  await chown(path, GUEST_ID, GUEST_ID).catch(() => {});
  return timed(() => copy(name));
}

async function withSandboxes<T>(
  { name, createAdapter }: BenchedEngine,
  work: (sandboxes: Sandboxes, engine: Engine) => Promise<T>,
): Promise<T> {
  const adapter = createAdapter();
  const { status, endpoint = '' } = await adapter.probe();
  if (status !== 'healthy') throw new Unavailable(`${name} is ${status}`);
  await using sandboxes = createSandboxes({ adapter, scope: `bench-${process.pid}` });
  return await work(sandboxes, new Engine({ name, endpoint, image: IMAGE }));
}

function withSandbox<T>(
  benched: BenchedEngine,
  work: (sandbox: Sandbox, engine: Engine) => Promise<T>,
): Promise<T> {
  return withSandboxes(benched, async (sandboxes, engine) => {
    await using sandbox = await sandboxes.create({ image: IMAGE, pull: 'never' });
    return await work(sandbox, engine);
  });
}

async function succeed(sandbox: Sandbox, argv: readonly string[]): Promise<void> {
  const { ending, exitCode } = await sandbox.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${ending}, exit code ${exitCode}`);
}

async function drain(sandbox: Sandbox, argv: readonly string[]): Promise<number> {
  const command = await sandbox.spawn(argv, { stdin: 'none' });
  const bytes = await count(command.stdout);
  await command.wait();
  return bytes;
}

async function count(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

/** The guest's own program, for this machine to run: another build of it may cost twice as much. */
async function guestProgram(sandbox: Sandbox, path: string): Promise<{ path: string } & AsyncDisposable> {
  const inside = await sandbox.files.readBytes(path);
  const outside = await readFile(path).catch(() => undefined);
  if (outside?.equals(inside)) return { path, [Symbol.asyncDispose]: async () => {} };
  const directory = await mkdtemp(join(tmpdir(), 'bench-program-'));
  const copy = join(directory, 'program');
  await writeFile(copy, inside, { mode: 0o755 });
  const remove = (): Promise<void> => rm(directory, { recursive: true });
  try {
    await promisify(execFile)(copy);
    return { path: copy, [Symbol.asyncDispose]: remove };
  } catch {
    await remove();
    console.error(`  the image's ${path} does not run on this machine: the reference is this machine's own`);
    return { path, [Symbol.asyncDispose]: async () => {} };
  }
}
