import type { ContainerBody } from './container-body.ts';
import type { EngineFacts } from './engine-facts.ts';

/**
 * What differs between engines that speak the Docker API, as data. The adapter of each engine gives one; nothing in this
 * package asks for an engine's name to decide what to do.
 */
export interface EngineDialect {
  /** Stable id of the runtime: `docker`. In errors and in labels. */
  readonly runtime: string;
  /** The engine's name for people: `Docker`. */
  readonly title: string;
  /** The engine's command line, for hints. */
  readonly command: string;
  /** What to do when nothing answers. */
  readonly unavailableHint: string;
  /** What to do when the socket may not be opened. */
  readonly permissionHint: string;
  /** Options of a bridge network that keep sandboxes on it from reaching each other. */
  readonly isolatedBridgeOptions: Readonly<Record<string, string>>;
  /** Characters that the engine cannot take in the path of a mount; such a path is refused by name. */
  readonly refusedInPaths: readonly string[];
  /** Whether limits on processes of a user (`nproc`) and on open files must always be given, because the engine's own defaults may be too high for the host. */
  readonly explicitNproc: boolean;
  /** Whether an exec that has ended stays in the container's list of them. */
  readonly listsEndedExecs?: boolean;
  /** Whether all files of an archive that it gives belong to the container's user, whomever they belong to in the container. */
  readonly hidesOwners?: boolean;
  /** How sandboxes with network `full` are kept apart, where one bridge with `isolatedBridgeOptions` for all of them does not do it. */
  readonly networks?: (facts: EngineFacts) => NetworkMeans;
  /** The engine's own API, for what its Docker-compatible one leaves out. */
  readonly native?: NativeApi;
}

/**
 * `own-bridge`: a bridge of ours for each sandbox. `engine`: the engine gives each container a network that only it is on; there is nothing to make or to remove.
 */
export type NetworkMeans = 'own-bridge' | 'engine';

/** The network of a container whose engine makes it one of its own. */
export const ENGINE_NETWORK = 'engine';

export interface NativeRequest {
  readonly path: string;
  readonly body: object;
}

/** Requests that take the place of Docker's. Volumes that a container's mounts name are made, with their labels, before it. */
export interface NativeApi {
  createContainer(name: string, body: ContainerBody): Promise<NativeRequest>;
  /** Of a bridge of its own for one sandbox. */
  createNetwork(name: string, labels: Readonly<Record<string, string>>): NativeRequest;
  /** Of a wait that is asked once a main process has ended, and answers with its exit code, a number. Docker's is asked before the start. */
  waitPath(id: string): string;
  /** Answers 404 where there is no such volume, and costs the engine less than to describe it. */
  volumeExistsPath(name: string): string;
  /** Of an answer that has all fields of `/containers/ID/json`, and tells what the engine has kept of the request. */
  inspectPath(id: string): string;
}

/** Of the answer that tells most of a container. */
export function inspectPath({ native }: EngineDialect, id: string): string {
  return native?.inspectPath(id) ?? `/containers/${encodeURIComponent(id)}/json`;
}
