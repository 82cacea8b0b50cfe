import type { Language } from '../language.ts';

export const java: Language = {
  id: 'java',
  image: 'sandbox-java:latest',
  recipe: new URL('../../src/java/image/', import.meta.url),
  fileName: 'Main.java',
  // From source; classes of other files beside it are compiled as they are needed.
  command: (file, args) => ['java', file, ...args],
  version: ['java', '--version'],
};
