export * from './tool-layer.ts';
export * from './tools.ts';
