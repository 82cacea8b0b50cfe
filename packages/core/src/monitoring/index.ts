export * from './execution.ts';
export * from './history.ts';
export type { Purpose } from './purpose.ts';
export * from './sqlite-executions.ts';
