import type { RawProcess, RuntimeAdapter } from '@sandbox/core';
import { EXAMPLE_CAPABILITIES } from './example-capabilities.ts';
import type { ExampleAdapterOptions } from './example-options.ts';
import { probeExample } from './example-probe.ts';
import { exampleWords } from './example-spec.ts';
import { toDo } from './to-do.ts';

/**
 * Sandboxes on `example`. Does no I/O before the first call. Every call takes a signal and has a deadline of its own towards the runtime; every error is a `SandboxError`.
 */
export function createExampleAdapter(options: ExampleAdapterOptions = {}): RuntimeAdapter {
  return {
    runtime: 'example',
    apiVersion: 1,
    capabilities: EXAMPLE_CAPABILITIES,

    probe: () => probeExample(options),

    async create(spec) {
      const _words = exampleWords(spec);
      throw toDo('create');
    },

    start: (async (_name: string): Promise<RawProcess | undefined> => {
      throw toDo('start');
    }) as RuntimeAdapter['start'],

    async exec(_name, _request) {
      throw toDo('exec');
    },

    async stop(_name, _options) {
      throw toDo('stop');
    },

    async kill(_name) {
      throw toDo('kill');
    },

    async remove(_name) {
      throw toDo('remove');
    },

    async inspect(_name) {
      throw toDo('inspect');
    },

    async list(_labels) {
      throw toDo('list');
    },

    async stats(_name) {
      throw toDo('stats');
    },

    async close() {},
  };
}
