import type { RuntimeAdapter } from '@sandbox/core';
import {
  capabilitiesOn,
  checkJailerOptions,
  createDaemonlessAdapter,
  findProgram,
  type Jailer,
} from '@sandbox/daemonless';
import { NSJAIL_CAPABILITIES } from './nsjail-capabilities.ts';
import type { NsjailAdapterOptions } from './nsjail-options.ts';
import { INSTALL, remedyFor } from './nsjail-probe.ts';
import { checkNsjailSpec, nsjailCommand } from './nsjail-spec.ts';

const runtime = 'nsjail';

/** Sandboxes on nsjail. Does no I/O: the program is looked for with the first call. Wrong options throw `INVALID_ARGUMENT`. */
export function createNsjailAdapter(options: NsjailAdapterOptions = {}): RuntimeAdapter {
  checkJailerOptions(runtime, options);
  const { binary, ...common } = options;
  const nsjail: Jailer = {
    runtime,
    capabilities: NSJAIL_CAPABILITIES,
    capabilitiesOn: (facts) => capabilitiesOn(NSJAIL_CAPABILITIES, facts),
    findProgram: () => findProgram('nsjail', binary ?? process.env.NSJAIL_PATH, INSTALL),
    makers: 1,
    remedyFor,
    check: checkNsjailSpec,
    command: nsjailCommand,
  };
  return createDaemonlessAdapter(nsjail, common);
}
