import { refuseUnsupported, type SandboxSpec, validateSpec } from '@sandbox/core';
import { EXAMPLE_CAPABILITIES } from './example-capabilities.ts';

/** What the runtime is told to make a sandbox: its own words for all that a spec says. */
export interface ExampleWords {
  readonly name: string;
  readonly argv: readonly string[];
}

/**
 * A spec in the runtime's own words. Pure, so that it can be tested without the runtime. All of the spec is in it, or this throws `UNSUPPORTED` with the name of the control: nothing is
 * left out silently. argv stays a list of words; there is no shell between us and a command.
 */
export function exampleWords(spec: SandboxSpec): ExampleWords {
  validateSpec(spec);
  refuseUnsupported(spec, EXAMPLE_CAPABILITIES);
  const { name, argv } = spec;
  return { name, argv };
}
