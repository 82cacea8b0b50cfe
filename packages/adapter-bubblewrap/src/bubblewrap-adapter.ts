import type { RuntimeAdapter } from '@sandbox/core';
import {
  capabilitiesOn,
  checkJailerOptions,
  createDaemonlessAdapter,
  findProgram,
  type Jailer,
} from '@sandbox/daemonless';
import { BUBBLEWRAP_CAPABILITIES } from './bubblewrap-capabilities.ts';
import type { BubblewrapAdapterOptions } from './bubblewrap-options.ts';
import { INSTALL, remedyFor } from './bubblewrap-probe.ts';
import { bubblewrapCommand, checkBubblewrapSpec } from './bubblewrap-spec.ts';

const runtime = 'bubblewrap';

/** Sandboxes on bubblewrap. Does no I/O: the program is looked for with the first call. Wrong options throw `INVALID_ARGUMENT`. */
export function createBubblewrapAdapter(options: BubblewrapAdapterOptions = {}): RuntimeAdapter {
  checkJailerOptions(runtime, options);
  const { binary, ...common } = options;
  const bubblewrap: Jailer = {
    runtime,
    capabilities: BUBBLEWRAP_CAPABILITIES,
    capabilitiesOn: (facts) => capabilitiesOn(BUBBLEWRAP_CAPABILITIES, facts),
    findProgram: () => findProgram('bwrap', binary, INSTALL),
    makers: 2,
    remedyFor,
    check: checkBubblewrapSpec,
    command: bubblewrapCommand,
  };
  return createDaemonlessAdapter(bubblewrap, common);
}
