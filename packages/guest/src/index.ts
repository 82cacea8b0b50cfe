export type { AgentArtifact } from './agent-artifact.ts';
export { AGENT_DIRECTORY, AGENT_PIDS, agentArtifact, agentPath } from './agent-artifact.ts';
export type { ExecRequest, ExecStatus, GuestCommand, Release } from './command.ts';
export type {
  DetachedRecord,
  DetachRequest,
  GuestDetached,
  GuestLogs,
  LogsRequest,
  LogsSummary,
} from './detached.ts';
export type {
  Body,
  FileStat,
  FileType,
  GuestFiles,
  GuestReadStream,
  GuestTarStream,
  ReadOptions,
  RequestOptions,
  TarSummary,
  WriteOptions,
} from './files.ts';
export type { GuestErrorCode, GuestErrorOptions } from './guest-error.ts';
export { GuestError } from './guest-error.ts';
export { openSession } from './open-session.ts';
export type {
  AgentFacts,
  AgentHello,
  GuestSession,
  GuestStats,
  SessionEnd,
  SessionOptions,
} from './session.ts';
export type { Text } from './text.ts';
export type { Transport } from './transport.ts';
