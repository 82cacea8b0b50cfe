import type { EngineDialect } from './dialect.ts';

export const testDialect: EngineDialect = {
  runtime: 'test',
  title: 'Test',
  command: 'test',
  unavailableHint: 'start it',
  permissionHint: 'join the group',
  isolatedBridgeOptions: { icc: 'false' },
  refusedInPaths: [],
  explicitNproc: false,
};
