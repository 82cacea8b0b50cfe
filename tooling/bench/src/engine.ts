import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import Dockerode, { type Container } from 'dockerode';

const limit = (Name: string, value: number) => ({ Name, Soft: value, Hard: value });
/** What ours is given too, so that the engine has the same work to do: no network to set up, no log to write. An engine's own limits may be more than the host allows. */
const HOST_CONFIG = {
  NetworkMode: 'none',
  LogConfig: { Type: 'none', Config: {} },
  Ulimits: [limit('nofile', 1024), limit('nproc', 1024)],
};
/** What this program makes and must remove, should it be interrupted. */
const LABELS = { 'dev.sandbox.bench': 'true' };

/** The engine by its own API, with nothing of ours around it. */
export class Engine {
  readonly #docker: Dockerode;
  readonly #name: string;
  readonly image: string;

  constructor({ name, endpoint, image }: { name: string; endpoint: string; image: string }) {
    const socketPath = /^unix:\/\/(.*)$/.exec(endpoint)?.[1];
    // Elsewhere than at a socket: what the environment says, as the adapter does.
    this.#docker = socketPath === undefined ? new Dockerode() : new Dockerode({ socketPath });
    this.#name = name;
    this.image = image;
  }

  /** Create, start, wait, remove. */
  async oneShot(argv: readonly string[]): Promise<void> {
    const container = await this.#create(argv);
    await container.start();
    await container.wait();
    await container.remove();
  }

  /** One exec in a running container, to its exit code. */
  async exec(name: string, argv: readonly string[]): Promise<void> {
    const exec = await this.#docker
      .getContainer(name)
      .exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({});
    stream.resume();
    await once(stream, 'end');
    const { ExitCode } = await exec.inspect().catch((error: Error) => {
      // Podman may have forgotten it by now, so busy is the machine.
      if (/no such exec session/.test(error.message)) return { ExitCode: 0 };
      throw error;
    });
    if (ExitCode !== 0) throw new Error(`the engine's exec of ${argv.join(' ')} ended with ${ExitCode}`);
  }

  /** MB/s of a container's attached stdout, from its first byte to its last. */
  async attachedThroughput(argv: readonly string[]): Promise<number> {
    const container = await this.#create(argv, { AttachStdout: true });
    try {
      const stream = (await container.attach({ stream: true, stdout: true })) as unknown as Readable;
      let bytes = 0;
      let first = 0;
      stream.on('data', (chunk: Buffer) => {
        if (bytes === 0) first = performance.now();
        bytes += chunk.length;
      });
      const ended = once(stream, 'end');
      await container.start();
      await ended;
      return bytes / 1_000 / (performance.now() - first);
    } finally {
      await container.remove({ force: true });
    }
  }

  /** A container that waits, with a host directory at /workspace, until it is disposed of. */
  async idle(workspace: string): Promise<{ name: string } & AsyncDisposable> {
    const container = await this.#create(['sleep', 'infinity'], {
      HostConfig: { ...HOST_CONFIG, Binds: [`${workspace}:/workspace`] },
    });
    await container.start();
    return { name: container.id, [Symbol.asyncDispose]: () => container.remove({ force: true }) };
  }

  /** The engine's own command line, which packs the files itself. */
  async copyIn(name: string, source: string, target: string): Promise<void> {
    await promisify(execFile)(this.#name, ['cp', `${source}/.`, `${name}:${target}`]);
  }

  #create(argv: readonly string[], more: object = {}): Promise<Container> {
    return this.#docker.createContainer({
      Image: this.image,
      Cmd: [...argv],
      Labels: LABELS,
      HostConfig: HOST_CONFIG,
      ...more,
    });
  }
}
