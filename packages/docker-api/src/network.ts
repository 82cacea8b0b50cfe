import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LABEL, SandboxError } from '@sandbox/core';
import type { EngineClient } from './client.ts';
import type { EngineDialect } from './dialect.ts';
import type { EngineFacts } from './engine-facts.ts';
import { messageOf, saysGone, statusOf } from './errors.ts';
import { isOurs } from './inspect.ts';
import { labelFilter } from './volumes.ts';

interface NetworkAnswer {
  Id: string;
  Driver: string;
  Labels?: Record<string, string> | null;
  Options?: Record<string, string> | null;
}

interface Call {
  readonly operation: string;
  readonly sandbox: string;
  readonly signal?: AbortSignal | undefined;
}

/** What is younger may be about to be used. */
const LEFT_MS = 60_000;

/** How long another program may take from making a bridge until it can be found. */
const SEEN_MS = 5_000;

/**
 * Of the bridge's interface. Docker may make several networks of one name for programs that ask at the same moment, and then knows none of them by it;
 * of an interface there is only one.
 */
function interfaceName(network: string): string {
  return `sbx-${createHash('sha256').update(network).digest('hex').slice(0, 11)}`;
}

/** The bridge for network `full`; one for each scope, so that tests leave their own behind nobody. */
export function networkName(labels: Readonly<Record<string, string>>): string {
  const scope = labels[LABEL.scope];
  return scope === undefined
    ? 'sandbox-network'
    : `sandbox-network-${scope.replace(/[^a-zA-Z0-9_.-]/g, '-')}`;
}

/** The bridge that a sandbox with these labels needs of us; undefined where the engine sees to it. Without facts: the one that it may have. */
export function bridgeName(dialect: EngineDialect, labels: Readonly<Record<string, string>>): string;
export function bridgeName(
  dialect: EngineDialect,
  labels: Readonly<Record<string, string>>,
  facts: EngineFacts,
): string | undefined;
export function bridgeName(
  { networks }: EngineDialect,
  labels: Readonly<Record<string, string>>,
  facts?: EngineFacts,
): string | undefined {
  if (!networks) return networkName(labels);
  if (facts && networks(facts) === 'engine') return undefined;
  return `sandbox-network-${labels[LABEL.name]}`;
}

/**
 * Our own bridge, on which sandboxes cannot reach each other: not the engine's default one, where they could. A network of that name
 * that is not ours, or that lets traffic through, is refused.
 */
export class IsolatedBridge {
  readonly #client: EngineClient;

  constructor(client: EngineClient) {
    this.#client = client;
  }

  async ensure(name: string, labels: Readonly<Record<string, string>>, call: Call): Promise<void> {
    if (this.#client.dialect.networks) return this.#makeOwn(name, labels, call);
    const known = await this.#find(name, call);
    if (known) return this.#check(name, known, call);
    const scope = labels[LABEL.scope];
    try {
      await this.#client.json({
        ...call,
        method: 'POST',
        path: '/networks/create',
        body: {
          Name: name,
          CheckDuplicate: true,
          Driver: 'bridge',
          Options: {
            ...this.#client.dialect.isolatedBridgeOptions,
            'com.docker.network.bridge.name': interfaceName(name),
          },
          Labels: { [LABEL.managed]: 'true', ...(scope !== undefined && { [LABEL.scope]: scope }) },
        },
      });
    } catch (error) {
      // Another program was faster.
      const isTaken = statusOf(error) === 409 || /same bridge name/.test(messageOf(error));
      const made = isTaken ? await this.#findSoon(name, call) : null;
      if (!made) throw error;
      this.#check(name, made, call);
    }
  }

  /** One for this sandbox alone. What is left of an earlier one of that name, perhaps with other options, goes. */
  async #makeOwn(name: string, labels: Readonly<Record<string, string>>, call: Call): Promise<void> {
    const { native } = this.#client.dialect;
    const own = { ...labels, [LABEL.managed]: 'true', [LABEL.name]: call.sandbox };
    const request = native?.createNetwork(name, own) ?? {
      path: '/networks/create',
      body: { Name: name, CheckDuplicate: true, Driver: 'bridge', Labels: own },
    };
    const make = () => this.#client.json({ ...call, method: 'POST', ...request });
    try {
      await make();
    } catch (error) {
      const there = statusOf(error) === 409 ? await this.#find(name, call) : null;
      if (!there) throw error;
      if (!isOurs(there.Labels)) throw this.#refusal(name, call);
      await this.#delete(name, call);
      await make();
    }
  }

  /**
   * Before a start: another program may have removed a bridge that all share, with its own last sandbox, since this one was made. A start that fails for
   * want of it costs the sandbox.
   */
  async keep(name: string, labels: Readonly<Record<string, string>>, call: Call): Promise<void> {
    if (!this.#client.dialect.networks) await this.ensure(name, labels, call);
  }

  /** Removes those with these labels that nobody is on, nor, unless `all` are to go, about to be: left behind by a program that was killed. */
  async removeLeft(
    labels: Readonly<Record<string, string>>,
    call: Call,
    { all }: { readonly all: boolean },
  ): Promise<void> {
    const networks = await this.#client.json<(NetworkAnswer & { Name: string; Created: string })[]>({
      ...call,
      method: 'GET',
      path: '/networks',
      query: { filters: labelFilter(labels) },
    });
    for (const { Name, Labels, Created } of networks) {
      const left = all || Date.now() - Date.parse(Created) > LEFT_MS;
      if (left && Labels?.[LABEL.scope] === labels[LABEL.scope]) await this.removeUnused(Name, call);
    }
  }

  /** Removes it unless a sandbox, in whatever state, still refers to it. */
  async removeUnused(name: string, call: Call): Promise<void> {
    if (this.#client.dialect.networks) return this.#delete(name, call);
    const filters = JSON.stringify({ network: [name] });
    const users = await this.#client.json<unknown[]>({
      ...call,
      method: 'GET',
      path: '/containers/json',
      query: { all: 1, filters },
    });
    if (users.length > 0) return;
    await this.#delete(name, call);
  }

  /** The engine refuses while something is on it. */
  async #delete(name: string, call: Call): Promise<void> {
    try {
      await this.#client.json({ ...call, method: 'DELETE', path: `/networks/${encodeURIComponent(name)}` });
    } catch (error) {
      // In use again, or gone: both are fine.
      const status = statusOf(error);
      const inUse = status === 403 || status === 409 || /is being used/i.test(messageOf(error));
      if (!saysGone(error) && !inUse) throw error;
    }
  }

  async #find(name: string, call: Call): Promise<NetworkAnswer | null> {
    try {
      return await this.#client.json<NetworkAnswer>({
        ...call,
        method: 'GET',
        path: `/networks/${encodeURIComponent(name)}`,
      });
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  }

  async #findSoon(name: string, call: Call): Promise<NetworkAnswer | null> {
    const end = performance.now() + SEEN_MS;
    for (;;) {
      const found = await this.#find(name, call);
      if (found || performance.now() > end) return found;
      await sleep(50);
    }
  }

  #check(name: string, network: NetworkAnswer, call: Call): void {
    const { isolatedBridgeOptions } = this.#client.dialect;
    const isolated = Object.entries(isolatedBridgeOptions).every(
      ([option, value]) => network.Options?.[option] === value,
    );
    if (isOurs(network.Labels) && network.Driver === 'bridge' && isolated) return;
    throw this.#refusal(name, call);
  }

  #refusal(name: string, call: Call): SandboxError {
    const { title, command, runtime } = this.#client.dialect;
    return new SandboxError(
      'FAILED_PRECONDITION',
      `${title} has a network ${name} that is not ours, or that lets sandboxes reach each other`,
      { ...call, runtime, hint: `remove it: ${command} network rm ${name}` },
    );
  }
}
