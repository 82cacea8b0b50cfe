import { type Capabilities, type Capability, CONTROLS, FACETS } from '@sandbox/core';

const notYet: Capability = { support: 'unsupported', how: 'to do' };

function all<K extends string>(keys: readonly K[]): Record<K, Capability> {
  return Object.fromEntries(keys.map((key) => [key, notYet])) as Record<K, Capability>;
}

/**
 * The best that the runtime can do anywhere; `probe` says what it can do on this host. Promise only what a guest sees: each row is tried from inside. What is `unsupported` is
 * refused by name, and its cases are skipped. Without `namespaces`, `network-none` and `workspace-access` no sandbox is made at all, so begin with these.
 */
export const EXAMPLE_CAPABILITIES: Capabilities = {
  controls: {
    ...all(CONTROLS),
    namespaces: { support: 'enforced', how: 'to do: by what means' },
    'network-none': { support: 'enforced', how: 'to do: by what means' },
    'workspace-access': { support: 'enforced', how: 'to do: by what means' },
    user: { support: 'enforced', how: 'to do: by what means' },
  },
  facets: all(FACETS),
  boundary: 'container',
};
