import { setMaxListeners } from 'node:events';
import { agentArtifact } from '@sandbox/guest';
import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { ADAPTER_API_VERSION } from '../adapter/adapter.ts';
import { sweepRuntime } from '../cleanup/cleanup.ts';
import { OrphanSweeps } from '../cleanup/orphan-sweeps.ts';
import { toSandboxError } from '../errors/guest-errors.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { ImageCache } from '../images/image-cache.ts';
import { ProbeCache } from '../launch/probe-cache.ts';
import { Observer } from '../monitoring/observer.ts';
import { readBootClock } from '../naming/boot-clock.ts';
import { formatInstance } from '../naming/instance.ts';
import { RUNTIME_ID } from '../naming/names.ts';
import { readInstance } from '../naming/read-instance.ts';
import { fixedSettings, type SettingsSource } from '../policy/settings.ts';
import { createMemoryRegistry } from '../registry/memory-registry.ts';
import type { Services } from '../services/services.ts';
import type { SandboxesOptions } from './sandboxes.ts';

export function createServices(options: SandboxesOptions): Services {
  const adapters = [...new Set([...(options.adapter ? [options.adapter] : []), ...(options.adapters ?? [])])];
  checkAdapters(adapters);
  const closing = new AbortController();
  // Every call under way listens to it, however many there are.
  setMaxListeners(0, closing.signal);
  const services: Services = {
    scope: options.scope,
    adapters,
    registry: options.registry ?? createMemoryRegistry(),
    settings: settingsOf(options),
    probes: new ProbeCache(),
    images: new ImageCache(),
    orphans: new OrphanSweeps((adapter, signal) => sweepRuntime(services, adapter, signal)),
    observer: options.onExecution && new Observer(options.onExecution, options.executionDetails),
    held: new Set(),
    closing,
    clock: options.clock ?? (() => ({ now: new Date(), boot: readBootClock() })),
    instance: once(() => formatInstance(readInstance())),
    agent: once(() => {
      try {
        return options.agent ?? agentArtifact();
      } catch (error) {
        throw toSandboxError(error, { operation: 'agent' });
      }
    }),
  };
  return services;
}

function settingsOf({ settings, ...fixed }: SandboxesOptions): SettingsSource {
  if (settings === undefined) return fixedSettings(fixed);
  const both = (['policy', 'ceilings', 'defaultTrust', 'tools'] as const).find(
    (key) => fixed[key] !== undefined,
  );
  if (both !== undefined) throw invalid(`${both} comes from the settings: give one or the other`);
  return settings;
}

function checkAdapters(adapters: readonly RuntimeAdapter[]): void {
  const runtimes = new Set<string>();
  for (const { runtime, apiVersion } of adapters) {
    if (!RUNTIME_ID.test(runtime))
      throw invalid(`${JSON.stringify(runtime)} is not the id of a runtime, as docker is`);
    if (apiVersion !== ADAPTER_API_VERSION) {
      throw invalid(
        `the adapter for ${runtime} was written for version ${apiVersion} of the contract, not ${ADAPTER_API_VERSION}`,
      );
    }
    if (runtimes.has(runtime)) throw invalid(`there are two adapters for ${runtime}`);
    runtimes.add(runtime);
  }
  if (adapters.length === 0)
    throw invalid('there is no adapter: createSandboxes({ adapter: createDockerAdapter() })');
}

function invalid(message: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', message, { operation: 'createSandboxes' });
}

/** What throws is tried again the next time. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
