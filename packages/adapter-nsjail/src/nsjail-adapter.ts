import { type RuntimeAdapter, SandboxError } from '@sandbox/core';
import { createDaemonlessAdapter, findProgram, type Jailer } from '@sandbox/daemonless';
import { NSJAIL_CAPABILITIES, nsjailCapabilities } from './nsjail-capabilities.ts';
import { type NsjailAdapterOptions, nsjailAdapterOptionsSchema } from './nsjail-options.ts';
import { INSTALL, remedyFor } from './nsjail-probe.ts';
import { checkNsjailSpec, nsjailCommand } from './nsjail-spec.ts';

const runtime = 'nsjail';

/** Sandboxes on nsjail. Does no I/O: the program is looked for with the first call. Wrong options throw `INVALID_ARGUMENT`. */
export function createNsjailAdapter(options: NsjailAdapterOptions = {}): RuntimeAdapter {
  check(options);
  const { binary, ...common } = options;
  const nsjail: Jailer = {
    runtime,
    capabilities: NSJAIL_CAPABILITIES,
    capabilitiesOn: nsjailCapabilities,
    findProgram: () => findProgram('nsjail', binary ?? process.env.NSJAIL_PATH, INSTALL),
    remedyFor,
    check: checkNsjailSpec,
    command: nsjailCommand,
  };
  return createDaemonlessAdapter(nsjail, common);
}

function check(options: NsjailAdapterOptions): void {
  const result = nsjailAdapterOptionsSchema.safeParse(options);
  if (result.success) return;
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  throw new SandboxError('INVALID_ARGUMENT', `options of the nsjail adapter: ${path}: ${issue?.message}`, {
    runtime,
    operation: 'createNsjailAdapter',
    cause: result.error,
  });
}
