export { AgentVolume } from './agent-volume.ts';
export { EngineClient, type EngineClientOptions } from './client.ts';
export type { ContainerBody, HostConfigBody, MountBody } from './container-body.ts';
export type { HostLimits } from './container-spec.ts';
export {
  ENGINE_NETWORK,
  type EngineDialect,
  type NativeApi,
  type NativeRequest,
  type NetworkMeans,
} from './dialect.ts';
export { describeEndpoint, type EngineEndpoint, type EngineTls } from './endpoint.ts';
export type { EngineFacts } from './engine-facts.ts';
export type { EngineSetup } from './engine-setup.ts';
export { toSandboxError } from './errors.ts';
export { parseHostLimits, readHostLimits } from './host-limits.ts';
export { EngineImages, type ImageTurn } from './images.ts';
export { Memo } from './memo.ts';
export { architectureOf, atLeast, firstNumbers, hasDiskQuota, readFacts } from './read-engine-facts.ts';
export { EngineSandboxes } from './sandboxes.ts';
export { EngineVolumes } from './volumes.ts';
