import type { AdapterPlugin } from '@sandbox/core';
import { createExampleAdapter } from './example-adapter.ts';
import { type ExampleAdapterOptions, exampleAdapterOptionsSchema } from './example-options.ts';

/** What a program needs that is told the package's name: `adapters = ["@example/sandbox-adapter-example"]`. */
export const examplePlugin: AdapterPlugin<ExampleAdapterOptions> = {
  runtime: 'example',
  apiVersion: 1,
  optionsSchema: exampleAdapterOptionsSchema,
  create: createExampleAdapter,
};
