import type { Language } from '../language.ts';

export const bash: Language = {
  id: 'bash',
  fileName: 'main.bash',
  command: (file, args) => ['bash', file, ...args],
  version: ['bash', '--version'],
};
