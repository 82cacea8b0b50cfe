import type { Control } from '@sandbox/core';

export interface ReferenceOptions {
  /**
   * Where sandboxes live, as files. Two adapters on one directory see the same sandboxes, as two clients of an engine
   * do. @default a private directory in the system's temporary one, which `close` removes when no sandbox is left in it
   */
  readonly directory?: string | undefined;
  /** @default 'reference' */
  readonly runtime?: string | undefined;
  /**
   * Controls that it says it has, `limited`, and leaves out: core never goes without `namespaces`, `network-none` and `workspace-access`, so what stands on core can
   * only be tried on an adapter that claims them. A lie, for tests; an adapter that does so fails the suite. @default none
   */
  readonly claims?: readonly Control[] | undefined;
}
