export type { AccessSource, StoredKey } from './access.ts';
export type { CheckCode } from './code-warnings.ts';
export { createServer, type ListenOptions, type SandboxServer } from './create-server.ts';
export type { Problem } from './problem.ts';
export type { Result, SandboxView } from './schemas.ts';
export { DEFAULT_LIMITS, type ServerLimits, type ServerOptions } from './service.ts';
export {
  createServiceLog,
  LOG_LEVELS,
  type LogLevel,
  type ServiceLog,
  type ServiceLogOptions,
} from './service-log.ts';
