export * from './execution.ts';
