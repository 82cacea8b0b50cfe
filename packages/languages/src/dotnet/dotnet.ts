import type { Language } from '../language.ts';

export const dotnet: Language = {
  id: 'dotnet',
  aliases: ['csharp'],
  image: 'sandbox-dotnet:latest',
  recipe: new URL('../../src/dotnet/image/', import.meta.url),
  fileName: 'main.cs',
  env: { DOTNET_CLI_HOME: '/tmp', DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' },
  // The image's project is made of all C# files in /sandbox.
  command: (_file, args) => [
    ...['dotnet', 'run', '--no-restore', '--project', '/opt/sandbox/program.csproj'],
    ...['--', ...args],
  ],
  version: ['dotnet', '--version'],
};
