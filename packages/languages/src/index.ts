import { bash } from './bash/bash.ts';
import { createCatalog, type LanguageCatalog } from './language.ts';
import { sh } from './sh/sh.ts';

export * from './language.ts';

/** Every language of this package: one folder each. */
export const builtInLanguages: LanguageCatalog = createCatalog([bash, sh]);
