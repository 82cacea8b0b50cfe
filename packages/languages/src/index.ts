import { bash } from './bash/bash.ts';
import { dotnet } from './dotnet/dotnet.ts';
import { go } from './go/go.ts';
import { java } from './java/java.ts';
import { createCatalog, type LanguageCatalog } from './language.ts';
import { node, typescript } from './node/node.ts';
import { php } from './php/php.ts';
import { powershell } from './powershell/powershell.ts';
import { python } from './python/python.ts';
import { ruby } from './ruby/ruby.ts';
import { sh } from './sh/sh.ts';

export * from './image-recipe.ts';
export * from './language.ts';
export * from './language-sandbox.ts';

/** Every language of this package: one folder each. */
export const builtInLanguages: LanguageCatalog = createCatalog([
  ...[bash, dotnet, go, java, node, php, powershell, python, ruby, sh, typescript],
]);
