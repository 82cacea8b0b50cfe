import { type EngineClient, type EngineEndpoint, Memo } from '@sandbox/docker-api';
import { answers, realWorld, socketCandidates } from './endpoint.ts';
import { type PodmanFacts, readPodman } from './facts.ts';
import { findProgram, hasHybridCgroup, hostProblem, type PodmanHost, runtimeToStartWith } from './host.ts';
import type { PodmanConnectionOptions } from './options.ts';
import { PodmanService } from './service.ts';

/** One that has not answered by then is dead. */
const SOCKET_MS = 3_000;

/** The socket that answers, or a service of our own: chosen with the first call, and kept. */
export class PodmanConnection {
  readonly #options: PodmanConnectionOptions;
  readonly #facts = new Memo<PodmanFacts>();
  #choice: Promise<void> | undefined;
  #socketPath: string | undefined;
  #service: PodmanService | undefined;

  constructor(options: PodmanConnectionOptions = {}) {
    this.#options = options;
  }

  get isPrivate(): boolean {
    return this.#service !== undefined;
  }

  /** Once `ready` has resolved. */
  get endpoint(): EngineEndpoint & { type: 'unix' } {
    const socketPath = this.#socketPath ?? socketCandidates(this.#options, realWorld()).sockets[0];
    return { type: 'unix', socketPath };
  }

  async ready(): Promise<void> {
    if (this.#service) return this.#service.ready();
    this.#choice ??= this.#choose();
    await this.#choice;
  }

  /**
   * What Podman says of itself, which takes it a second: asked once, and of a service of our own once for all adapters. `anew`: what it said before no longer counts.
   */
  async facts(
    client: EngineClient,
    { operation, anew = false }: { operation: string; anew?: boolean },
  ): Promise<PodmanFacts> {
    await this.ready();
    const facts = this.#service?.facts ?? this.#facts;
    if (anew) facts.forget();
    return facts.get(() => readPodman(client, operation));
  }

  /** Why sandboxes cannot run on this Podman, and what to do about it. */
  hostProblem(host: PodmanHost): { message: string; remedy: string } | undefined {
    return hostProblem(host, this.#options.ociRuntime, hasHybridCgroup());
  }

  close(): void {
    this.#service?.release();
    this.#service = undefined;
    this.#choice = undefined;
  }

  async #choose(): Promise<void> {
    const { service = 'auto', program = 'podman', ociRuntime, timeouts } = this.#options;
    const { sockets, fixed } = socketCandidates(this.#options, realWorld());
    const [first] = sockets;
    const patience = Math.min(timeouts?.probeMs ?? SOCKET_MS, SOCKET_MS);
    const canStart = process.platform === 'linux' && !fixed && service !== 'none';
    if (!fixed && (service !== 'private' || !canStart)) {
      for (const socketPath of sockets) {
        if (!(await answers(socketPath, patience))) continue;
        this.#socketPath = socketPath;
        return;
      }
    }
    const file = canStart ? findProgram(program) : undefined;
    if (file === undefined) {
      // The call itself then says what is wrong there; the next one looks again.
      this.#socketPath = first;
      if (!fixed) this.#choice = undefined;
      return;
    }
    const here = { hybrid: hasHybridCgroup(), runc: findProgram('runc') !== undefined };
    const own = PodmanService.take(file, runtimeToStartWith(ociRuntime, here));
    this.#service = own;
    this.#socketPath = own.socketPath;
    await own.ready();
  }
}
