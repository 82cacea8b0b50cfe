import type { Language } from '../language.ts';

export const sh: Language = {
  id: 'sh',
  aliases: ['shell'],
  fileName: 'main.sh',
  command: (file, args) => ['sh', file, ...args],
  // It has no option for it.
  version: ['sh', '-c', 'readlink -f "$(command -v sh)"'],
};
