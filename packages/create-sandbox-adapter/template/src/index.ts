export { createExampleAdapter } from './example-adapter.ts';
export { EXAMPLE_CAPABILITIES } from './example-capabilities.ts';
export { type ExampleAdapterOptions, exampleAdapterOptionsSchema } from './example-options.ts';
export { examplePlugin as default } from './plugin.ts';
