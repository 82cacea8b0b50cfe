export * from './check-workspace.ts';
export * from './protected-paths.ts';
