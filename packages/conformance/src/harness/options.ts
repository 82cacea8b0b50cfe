import type { AgentSpec, RootSpec, RuntimeAdapter } from '@sandbox/core';
import type { Runner } from './runner.ts';

export interface ConformanceOptions extends Runner {
  /** Makes a unique, isolated instance; called for each case, closed by the suite. */
  readonly createAdapter: () => RuntimeAdapter | Promise<RuntimeAdapter>;
  /** Debian-like: `sh`, coreutils. @default 'debian:bookworm-slim' where the adapter has images */
  readonly image?: string | undefined;
  /** A root file system that is not an image. @default the host's, where the adapter has no images */
  readonly root?: RootSpec | undefined;
  /** Value of the label `dev.sandbox.scope` of all that the suite makes. @default random */
  readonly scope?: string | undefined;
  /** @default the agent that `@sandbox/guest` carries */
  readonly agent?: AgentSpec | undefined;
  /** Name of the outermost `describe`. @default 'conformance' */
  readonly name?: string | undefined;
  /** Takes the summary. @default console.log */
  readonly print?: ((line: string) => void) | undefined;
}

const known = new Set<keyof ConformanceOptions>([
  'describe',
  'it',
  'expect',
  'afterAll',
  'createAdapter',
  'image',
  'root',
  'scope',
  'agent',
  'name',
  'print',
]);

/** A case is left out only by what `probe().capabilities` says, never by an option. */
export function checkOptions(options: ConformanceOptions): void {
  for (const name of Object.keys(options)) {
    if (known.has(name as keyof ConformanceOptions)) continue;
    throw new TypeError(
      `runConformance: there is no option '${name}'. Cases are skipped only where probe().capabilities of the adapter says 'unsupported'; known options: ${[...known].join(', ')}`,
    );
  }
  for (const name of ['describe', 'it', 'expect', 'createAdapter'] as const) {
    if (typeof options[name] !== 'function')
      throw new TypeError(`runConformance: '${name}' must be a function`);
  }
  if (options.image !== undefined && options.root !== undefined) {
    throw new TypeError(`runConformance: give 'image' or 'root', not both`);
  }
}
