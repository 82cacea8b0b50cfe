export * from './unpack-image.ts';
