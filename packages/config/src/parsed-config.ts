import type { ConfigValues } from './schema.ts';
import type { TomlPath } from './toml-document.ts';

/** A file that was read and found right. */
export interface ParsedConfig {
  /** Null: there is no file, and the built-in defaults hold. */
  readonly file: string | null;
  readonly values: ConfigValues;
  /** Line of a key in the file, or of what is around it. */
  readonly lineOf: (path: TomlPath) => number;
}

export const NO_CONFIG: ParsedConfig = { file: null, values: {}, lineOf: () => 0 };
