export { type AdapterEntry, type AdapterOptions, lazyAdapter } from './adapters/adapter-entry.ts';
export type { CliIo, InputStream, OutputStream, SignalSource } from './cli-io.ts';
export { type Cli, type CliOptions, createCli } from './create-cli.ts';
export type { CommandReport } from './execution/report.ts';
