import type { Language } from '../language.ts';

export const powershell: Language = {
  id: 'powershell',
  aliases: ['pwsh'],
  image: 'sandbox-powershell:latest',
  recipe: new URL('../../src/powershell/image/', import.meta.url),
  fileName: 'main.ps1',
  command: (file, args) => ['pwsh', '-NoProfile', '-NonInteractive', '-File', file, ...args],
  version: ['pwsh', '--version'],
};
