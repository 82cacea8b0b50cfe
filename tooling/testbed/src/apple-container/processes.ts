import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { labelsOf } from './configuration.ts';
import type { Containers } from './containers.ts';
import { type Engine, EngineError } from './engine.ts';
import { failure } from './failure.ts';
import type { Faults } from './faults.ts';
import type { Values } from './parse-arguments.ts';
import { forwardSignals, relay } from './session.ts';
import type { Streams, Surroundings } from './surroundings.ts';

export interface ExecRequest {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly cwd: string;
  /** Whether it was asked for, and not the main process's own: then it is made where it is missing. */
  readonly makesCwd: boolean;
  readonly interactive: boolean;
}

interface StatsAnswer {
  memory_stats?: { usage?: number; limit?: number };
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  pids_stats?: { current?: number };
}

/** What runs in a container, joined to its caller's streams. */
export class Processes {
  readonly #engine: Engine;
  readonly #containers: Containers;
  readonly #faults: Faults;

  constructor(engine: Engine, containers: Containers, faults: Faults) {
    this.#engine = engine;
    this.#containers = containers;
    this.#faults = faults;
  }

  /** Starts the main process; with `attach` to its end. */
  async start(
    id: string,
    how: { readonly attach: boolean; readonly interactive: boolean },
    streams: Streams,
  ): Promise<number> {
    const { configuration } = await this.#containers.get(id);
    for (const { type, source } of configuration.mounts)
      if (type === 'virtiofs' && !existsSync(source))
        throw failure(`mount source path '${source}' does not exist`);
    await sleep(Number(this.#faults.argument('late-start') ?? 0));
    const path = this.#containers.path(id);
    const wanted = how.attach ? 'stream=1&stdin=1&stdout=1&stderr=1' : 'stream=1&stdin=1';
    const socket = await this.#engine.hijack(`${path}/attach?${wanted}`);
    const exit = this.#exit(path);
    try {
      await this.#engine.json('POST', `${path}/start`);
    } catch (error) {
      socket.destroy();
      throw startFailure(error, configuration.process.executable);
    }
    if (!how.attach) {
      // Its stdin has ended, as if it were /dev/null.
      socket.end();
      return 0;
    }
    const ended = forwardSignals(this.#faults, streams, (signal) => this.#containers.signal(id, signal));
    await Promise.race([relay(socket, streams, { stdin: how.interactive }), ended]);
    return Promise.race([exit, ended, streams.gone.then(() => 255)]);
  }

  async exec(id: string, request: ExecRequest, streams: Streams): Promise<number> {
    const { argv, env, user, cwd, makesCwd, interactive } = request;
    const path = `${this.#containers.path(id)}/exec`;
    if (makesCwd) {
      const body = { User: '0:0', Cmd: ['mkdir', '-p', '--', cwd] };
      const { Id } = await this.#engine.json<{ Id: string }>('POST', path, body);
      await text(await this.#engine.answer('POST', `/exec/${Id}/start`, {}));
    }
    const { Id } = await this.#engine.json<{ Id: string }>('POST', path, {
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Cmd: argv,
      Env: env,
      User: user,
      WorkingDir: cwd,
    });
    const socket = await this.#engine.hijack(`/exec/${Id}/start`, { Detach: false, Tty: false });
    // There is no handle to a process of an exec.
    const ended = forwardSignals(this.#faults, streams, async () => {});
    const relayed = await Promise.race([relay(socket, streams, { stdin: interactive }), ended]);
    if (typeof relayed === 'number') return relayed;
    let isGone = false;
    void streams.gone.then(() => {
      isGone = true;
    });
    for (;;) {
      const answer = await this.#engine.json<{ Running: boolean; ExitCode: number | null; Pid: number }>(
        'GET',
        `/exec/${Id}/json`,
      );
      if (answer.Running && !isGone) {
        await sleep(5);
        continue;
      }
      if (relayed.held !== '' && answer.Pid === 0)
        throw failure(`failed to find target executable ${argv[0]}`);
      if (relayed.held !== '') await streams.write('out', Buffer.from(relayed.held));
      return answer.ExitCode ?? 255;
    }
  }

  async stats(id: string): Promise<object> {
    const path = `${this.#containers.path(id)}/stats?stream=0&one-shot=1`;
    const answer = await this.#engine.json<StatsAnswer>('GET', path);
    return {
      id,
      memoryUsageBytes: answer.memory_stats?.usage,
      memoryLimitBytes: answer.memory_stats?.limit,
      cpuUsageUsec: Math.round((answer.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1000),
      numProcesses: answer.pids_stats?.current,
      networkRxBytes: 0,
      networkTxBytes: 0,
      blockReadBytes: 0,
      blockWriteBytes: 0,
    };
  }

  /** With Docker's own builder, which knows less than the real one. */
  async build(values: Values, { environment, directory }: Surroundings): Promise<void> {
    const context = resolve(directory, (values.contextDir as string | undefined) ?? '.');
    const file = resolve(directory, (values.file as string | undefined) ?? resolve(context, 'Dockerfile'));
    const size = existsSync(file) ? readFileSync(file).length : undefined;
    if (size === undefined) throw failure(`failed to read dockerfile at ${file}`);
    if (size >= 16 * 1024)
      throw failure(`Dockerfile size (${size} bytes) exceeds the maximum allowed size of 16384 bytes.`);
    const query = new URLSearchParams({ rm: '1', forcerm: '1', dockerfile: 'Dockerfile.double' });
    for (const tag of (values.targetImageNames as string[] | undefined) ?? []) query.append('t', tag);
    query.set('labels', JSON.stringify(labelsOf((values.label as string[] | undefined) ?? [])));
    query.set(
      'buildargs',
      JSON.stringify(argumentsOf((values.buildArg as string[] | undefined) ?? [], environment)),
    );
    // The file may lie outside of the context; under a name of its own it is in the archive whatever the context has.
    const args = [
      '-c',
      '-f',
      '-',
      '-C',
      context,
      '.',
      '-C',
      dirname(file),
      `--transform=s|^\\./${basename(file)}$|&|`,
    ];
    const copy = [`--transform=s|^${basename(file)}$|Dockerfile.double|`, basename(file)];
    const { spawn } = await import('node:child_process');
    const tar = spawn('tar', [...args, ...copy], { stdio: ['ignore', 'pipe', 'ignore'] });
    const output = await text(await this.#engine.upload(`/build?${query}`, tar.stdout));
    await this.#dropUnnamed((values.label as string[] | undefined) ?? []);
    const error = /"error":"((?:[^"\\]|\\.)*)"/.exec(output)?.[1];
    if (error !== undefined) throw failure(error);
  }

  /** What the real builder keeps of a build that failed is no image. */
  async #dropUnnamed(label: readonly string[]): Promise<void> {
    if (label.length === 0) return;
    const filters = encodeURIComponent(JSON.stringify({ dangling: ['true'], label }));
    await this.#engine.json('POST', `/images/prune?filters=${filters}`).catch(() => {});
  }

  /** Asked before there can be one: a container with `--rm` is gone together with its code. */
  #exit(path: string): Promise<number> {
    const waiting = this.#engine
      .json<{ StatusCode: number }>('POST', `${path}/wait?condition=next-exit`)
      .then(({ StatusCode }) => StatusCode);
    return waiting.catch(() => 255);
  }
}

function argumentsOf(pairs: readonly string[], environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const cut = pair.indexOf('=');
      return cut < 0 ? [pair, environment[pair] ?? ''] : [pair.slice(0, cut), pair.slice(cut + 1)];
    }),
  );
}

function startFailure(error: unknown, executable: string): unknown {
  if (!(error instanceof EngineError)) return error;
  if (/executable file not found|no such file or directory/.test(error.message))
    return failure(`failed to find target executable ${executable}`);
  return failure(`internalError: "failed to bootstrap container" (cause: "${error.message}")`);
}
