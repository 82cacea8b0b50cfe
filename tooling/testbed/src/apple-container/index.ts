import { fileURLToPath } from 'node:url';

export type { Configuration } from './configuration.ts';
export { CliFailure } from './failure.ts';
export type { Mount } from './mounts.ts';
export type { ParseOptions, Shown, Values } from './parse-arguments.ts';
export { type Accepted, parseOnly } from './parse-only.ts';

/** The executable that plays Apple's `container`. */
export const containerDouble = fileURLToPath(new URL('../../bin/container', import.meta.url));
