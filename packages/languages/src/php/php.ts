import type { Language } from '../language.ts';

export const php: Language = {
  id: 'php',
  image: 'sandbox-php:latest',
  recipe: new URL('../../src/php/image/', import.meta.url),
  fileName: 'main.php',
  // Errors are for stderr, as everywhere else.
  command: (file, args) => ['php', '-d', 'display_errors=stderr', file, ...args],
  version: ['php', '--version'],
};
