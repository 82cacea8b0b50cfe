export * from './execution.ts';
export * from './history.ts';
export * from './sqlite-executions.ts';
