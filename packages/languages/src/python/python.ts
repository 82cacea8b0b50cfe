import type { Language } from '../language.ts';

export const python: Language = {
  id: 'python',
  aliases: ['python3'],
  image: 'sandbox-python:latest',
  recipe: new URL('../../src/python/image/', import.meta.url),
  fileName: 'main.py',
  command: (file, args) => ['python3', file, ...args],
  version: ['python3', '--version'],
};
