import { SandboxError } from '@sandbox/core';
import { Config } from './config.ts';
import { configCandidates, type FindFileOptions, type FoundFile, findConfigFile } from './find-file.ts';
import { FileFollower } from './follow-file.ts';
import { NO_CONFIG, type ParsedConfig } from './parsed-config.ts';
import { readConfigFile } from './read-file.ts';

export interface OpenConfigOptions extends FindFileOptions {
  /** Follow the file, so that what changes in it holds from the next call on. @default false */
  readonly watch?: boolean | { readonly intervalMs: number } | undefined;
  /** The file changed, and what it says now holds. */
  readonly onReload?: ((change: ConfigChange) => void) | undefined;
  /** The file changed and cannot be used: what held before goes on. Called once for each such edit. @default it is written to stderr */
  readonly onProblem?: ((problem: SandboxError) => void) | undefined;
  /** Somebody else may change the file. @default it is written to stderr */
  readonly onWarning?: ((warning: string) => void) | undefined;
}

export interface ConfigChange {
  readonly file: string;
  /** What changed and is only read when a program starts, such as `runtimes.docker`. */
  readonly needsRestart: readonly string[];
}

/** How long a change may go unnoticed. */
const INTERVAL_MS = 500;

/**
 * Finds `sandbox.toml` and reads it; without one the built-in defaults hold. `NOT_FOUND` for a file that was named and is not there, `FAILED_PRECONDITION` for one that
 * others may write to, a `ConfigError` (`INVALID_ARGUMENT`) with lines and keys for one that is not right.
 */
export async function openConfig(options: OpenConfigOptions = {}): Promise<Config> {
  const found = configCandidates(options);
  const warn = options.onWarning ?? ((warning) => console.error(`sandbox: warning: ${warning}`));
  const file = findConfigFile(found);
  if (file === null && !options.watch) return new Config();
  const first = file === null ? { text: '', parsed: NO_CONFIG } : await load(file, found, warn);
  if (!options.watch) return new Config(first.parsed);
  const followed = new FollowedConfig(first, { ...options, found, warn });
  return followed.config;
}

/** Text and meaning of a file. The parser is loaded only where there is something to parse. */
async function load(file: string, found: FoundFile, warn: (warning: string) => void) {
  const { text, warnings } = await readConfigFile(file, { named: found.namedBy !== null });
  for (const warning of warnings) warn(warning);
  const { parseConfig } = await import('./parse-config.ts');
  return { text, parsed: parseConfig(text, file) };
}

interface FollowedOptions extends OpenConfigOptions {
  readonly found: FoundFile;
  readonly warn: (warning: string) => void;
}

/** A configuration that goes with its file. The file in use stays the one; where there is none yet, the first that appears is taken. */
class FollowedConfig {
  readonly config: Config;
  readonly #options: FollowedOptions;
  /** What holds, or was told: a text, or what is wrong. */
  #known: string;
  /** What was seen the last time. */
  #seen: string;

  constructor({ text, parsed }: { text: string; parsed: ParsedConfig }, options: FollowedOptions) {
    this.#options = options;
    this.#known = text;
    this.#seen = text;
    const { watch, found } = options;
    const follower = new FileFollower(parsed.file === null ? found.candidates : [parsed.file], {
      intervalMs: typeof watch === 'object' ? watch.intervalMs : INTERVAL_MS,
      look: () => this.#look(),
    });
    this.config = new Config(parsed, () => follower.close());
  }

  /** What it says is taken once it has said so twice: whoever writes may be half way. */
  async #look(): Promise<boolean> {
    const file = this.config.file ?? findConfigFile(this.#options.found);
    if (file === null) return false;
    const now = await this.#read(file);
    const settled = now.seen === this.#seen;
    this.#seen = now.seen;
    if (now.seen === this.#known) return false;
    if (!settled) return true;
    this.#known = now.seen;
    this.#take(file, now);
    return false;
  }

  #take(file: string, { parsed, problem }: Reading): void {
    const { onReload, onProblem = printProblem } = this.#options;
    if (problem !== undefined) {
      onProblem(problem);
      return;
    }
    const before = this.config.parsed;
    this.config.adopt(parsed);
    onReload?.({ file, needsRestart: changedAdapters(before, parsed) });
  }

  async #read(file: string): Promise<Reading> {
    try {
      const { text, parsed } = await load(file, this.#options.found, this.#options.warn);
      // Taken at its word it would lift every limit for the moment in which somebody writes it.
      if (text.trim() === '')
        throw new SandboxError('FAILED_PRECONDITION', `the configuration ${file} is empty`);
      return { seen: text, parsed };
    } catch (error) {
      const problem = SandboxError.withContext(error, { operation: 'config' });
      return { seen: problem.message, problem: SandboxError.is(error) ? error : problem };
    }
  }
}

type Reading =
  | { readonly seen: string; readonly parsed: ParsedConfig; readonly problem?: undefined }
  | { readonly seen: string; readonly parsed?: undefined; readonly problem: SandboxError };

function printProblem({ message, hint }: SandboxError): void {
  console.error(
    `sandbox: ${message}\nThe settings of before go on.${hint === undefined ? '' : `\nhint: ${hint}`}`,
  );
}

function changedAdapters({ values: before }: ParsedConfig, { values: after }: ParsedConfig): string[] {
  const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
  const ids = new Set([...Object.keys(before.runtimes ?? {}), ...Object.keys(after.runtimes ?? {})]);
  return [
    ...(isSame(before.adapters, after.adapters) ? [] : ['adapters']),
    ...[...ids].flatMap((id) =>
      isSame(before.runtimes?.[id], after.runtimes?.[id]) ? [] : [`runtimes.${id}`],
    ),
  ];
}
