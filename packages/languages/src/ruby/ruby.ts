import type { Language } from '../language.ts';

export const ruby: Language = {
  id: 'ruby',
  image: 'sandbox-ruby:latest',
  recipe: new URL('../../src/ruby/image/', import.meta.url),
  fileName: 'main.rb',
  command: (file, args) => ['ruby', file, ...args],
  version: ['ruby', '--version'],
};
