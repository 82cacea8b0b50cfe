import type { SandboxSpec } from '@sandbox/core';
import type { EngineClient } from './client.ts';
import type { HostLimits } from './container-spec.ts';
import type { EngineFacts } from './engine-facts.ts';

/** What an adapter gives to this package: a client of its engine and the choices of its user. */
export interface EngineSetup {
  readonly client: EngineClient;
  /** Name of the volume that holds the agents. */
  readonly agentVolume: string;
  /** OCI runtime for all sandboxes; the engine's default when absent. */
  readonly ociRuntime?: string | undefined;
  /** What the engine says of itself; asked once, with the first sandbox. */
  facts(): Promise<EngineFacts>;
  /** Looked up once, with the first sandbox. */
  hostLimits(): Promise<HostLimits>;
  /** Throws for what the engine takes and does not do on this host. */
  check?(spec: SandboxSpec, facts: EngineFacts): void | Promise<void>;
}
