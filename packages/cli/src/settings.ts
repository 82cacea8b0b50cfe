import { userInfo } from 'node:os';
import type { Config } from '@sandbox/config';
import type { Caller, OptionsSchema, RuntimeAdapter, SandboxError } from '@sandbox/core';
import { type Command, Option } from 'commander';
import type { AdapterEntry } from './adapters/adapter-entry.ts';
import { write } from './cli-io.ts';
import type { CommandContext } from './command-context.ts';

export interface CallerFlags {
  readonly userName?: string;
  readonly cron?: string;
}

export const configOption = () =>
  new Option('--config <file>', 'configuration to read (default: see sandbox config --help)');

/** Who asks: for every command that makes or uses sandboxes of somebody. */
export function declareCallerOptions(command: Command): Command {
  return command
    .addOption(configOption())
    .option('--user-name <name>', 'act for this user (default: SANDBOX_USER, else your login name)')
    .option('--cron <job>', 'act as this [[cron]] job of the configuration, with its user');
}

/** Who asks. A job brings its own user, unless one is named. Here the name is trusted: whoever types it could start a runtime without us. */
export function callerOf(context: CommandContext, { userName, cron }: CallerFlags): Caller {
  const named = userName ?? (context.io.env.SANDBOX_USER || undefined);
  return { user: named ?? (cron === undefined ? loginName() : undefined), cron };
}

/** A user id that has no name, as in a container, is a name too. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

export interface SettingsOptions {
  /** Changes with its file. */
  readonly follow?: boolean;
  /** Default: lines on stderr. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What `--config` names, or what is found. One that is followed changes with its file, until it is closed. */
export async function loadSettings(
  context: CommandContext,
  file?: string,
  { follow = false, onWarning }: SettingsOptions = {},
): Promise<Config> {
  const { openConfig } = await import('@sandbox/config');
  const { env, cwd, stderr } = context.io;
  if (onWarning !== undefined) {
    // A program that runs on and has a log: what becomes of the file is told there.
    const onProblem = ({ message, hint }: SandboxError) =>
      onWarning([message, 'The settings of before go on.', hint ?? ''].join(' ').trimEnd());
    return openConfig({ ...{ file, env, cwd, home: env.HOME, watch: follow }, onWarning, onProblem });
  }
  const tell = (warning: string) => write(stderr, `${context.name}: warning: ${warning}\n`);
  const warnings: string[] = [];
  let isOpen = false;
  const config = await openConfig({
    ...{ file, env, cwd, home: env.HOME, watch: follow },
    onWarning: (warning) => (isOpen ? void tell(warning).catch(() => {}) : void warnings.push(warning)),
  });
  isOpen = true;
  for (const warning of warnings) await tell(warning);
  return config;
}

/** Loads adapters with the options that the configuration has for them. */
export function loadAdapters(entries: readonly AdapterEntry[], config: Config): Promise<RuntimeAdapter[]> {
  return Promise.all(entries.map((entry) => loadAdapter(entry, config)));
}

export function loadAdapter({ runtime, load }: AdapterEntry, config: Config): Promise<RuntimeAdapter> {
  return load(<T>(schema: OptionsSchema<T>) => config.runtimeOptions(runtime, schema));
}
