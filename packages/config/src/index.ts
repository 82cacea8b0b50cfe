export * from './api-keys.ts';
export * from './config.ts';
export * from './explain.ts';
export { configCandidates, type FindFileOptions, type FoundFile, findConfigFile } from './find-file.ts';
export {
  CEILING_KEYS,
  type CeilingKey,
  MONITORING_KEYS,
  type MonitoringValues,
  SANDBOX_KEYS,
  type SandboxKey,
  type SandboxValues,
  SERVER_KEYS,
  type ServerValues,
} from './keys.ts';
export * from './open-config.ts';
export { parseConfig } from './parse-config.ts';
export * from './parsed-config.ts';
export * from './problems.ts';
export * from './read-file.ts';
export { runtimeOptions, strangeRuntimes } from './runtime-options.ts';
export type { ConfigJob, ConfigKey, ConfigUser, ConfigValues } from './schema.ts';
export * from './template.ts';
export type { Prepull } from './value-kinds.ts';
