export * from './boot-clock.ts';
export * from './home-directory.ts';
export * from './instance.ts';
export * from './labels.ts';
export * from './names.ts';
export * from './project-labels.ts';
export * from './read-instance.ts';
export * from './state-directory.ts';
