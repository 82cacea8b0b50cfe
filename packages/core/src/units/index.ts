export * from './bytes.ts';
export * from './cpus.ts';
export * from './duration.ts';
