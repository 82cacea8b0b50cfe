import type { ProbeResult } from '@sandbox/core';
import { EXAMPLE_CAPABILITIES } from './example-capabilities.ts';
import type { ExampleAdapterOptions } from './example-options.ts';
import { describeStep } from './to-do.ts';

/**
 * Looks whether the runtime is there. Never throws for one that is missing or broken: it says so, and what to type. When it is healthy it also says for which architecture
 * guests are (`architecture`), how ids map (`idMapping`) and whether it sees this machine's files (`sharesHostFiles`).
 */
export async function probeExample(_options: ExampleAdapterOptions): Promise<ProbeResult> {
  return {
    status: 'undetected',
    message: describeStep('probe'),
    remedy: 'fill in src/example-probe.ts',
    capabilities: EXAMPLE_CAPABILITIES,
  };
}
