// The command line over the reference adapter, which isolates nothing and needs no engine.

import { type Cli, createCli } from '@sandbox/cli';
import { createReferenceAdapter } from '@sandbox/conformance/reference';
import type { RuntimeAdapter } from '@sandbox/core';

/** A runtime that can keep no sandbox. */
function keepingNothing(adapter: RuntimeAdapter): RuntimeAdapter {
  return {
    ...adapter,
    async probe(options) {
      const found = await adapter.probe(options);
      const longLived = { support: 'unsupported', how: 'for a test' } as const;
      const facets = { ...found.capabilities.facets, 'long-lived': longLived };
      return { ...found, capabilities: { ...found.capabilities, facets } };
    },
  };
}

/** No sandbox is made without namespaces, whatever was asked for, and no workspace's without access to it. Here they are pretended. */
export const referenceAdapter = (directory: string | undefined): RuntimeAdapter =>
  createReferenceAdapter({ directory, claims: ['namespaces', 'workspace-access'] });

/** Sandboxes are kept in `directory`, unless `keeps` says that there is nothing to keep. */
export function referenceCli(directory: string | undefined, keeps = true): Cli {
  const adapter = () => (keeps ? referenceAdapter(directory) : keepingNothing(referenceAdapter(directory)));
  return createCli({ adapters: [{ runtime: 'reference', load: async () => adapter() }] });
}
