import type { Language } from '../language.ts';

export const node: Language = {
  id: 'node',
  aliases: ['nodejs', 'javascript'],
  image: 'sandbox-node:latest',
  recipe: new URL('../../src/node/image/', import.meta.url),
  fileName: 'main.js',
  command: (file, args) => ['node', file, ...args],
  version: ['node', '--version'],
};

/** In the same image, with tsx, which knows all of TypeScript's syntax and looks for files as its compiler does. It checks no types: that is what `tsc` in the image is for. */
export const typescript: Language = {
  ...node,
  id: 'typescript',
  aliases: ['ts'],
  fileName: 'main.ts',
  command: (file, args) => ['tsx', file, ...args],
  version: ['tsx', '--version'],
};
