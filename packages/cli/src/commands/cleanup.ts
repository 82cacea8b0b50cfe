import type { CleanupOptions, CleanupReport, SandboxError, Sandboxes } from '@sandbox/core';
import { type Command, Option } from 'commander';
import { tell, write } from '../cli-io.ts';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { watchStopSignals } from '../execution/stop-signals.ts';
import { EXIT } from '../exit-code.ts';
import { failureOf, failureText } from '../failure.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { cleanupTable } from '../output/cleanup-table.ts';
import { painter } from '../output/colors.ts';
import { print, printJson, warn } from '../print.ts';
import { configOption, loadSettings } from '../settings.ts';

interface CleanupFlags {
  readonly dryRun?: boolean;
  readonly olderThan?: string;
  readonly includeProtected?: boolean;
  readonly user?: string;
  /** True for the default interval. */
  readonly watch?: string | true;
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function declareCleanup(program: Command, context: CommandContext): void {
  program
    .command('cleanup')
    .description(
      'remove sandboxes that nobody has used for long, and what programs left behind that were killed',
    )
    .option('--older-than <duration>', 'idle for longer than this (default: 30d)')
    .option('--include-protected', 'also those of users with trust full and above')
    .option('--user <name>', "only this user's")
    .option('--dry-run', 'only say what would be removed')
    .addOption(
      new Option(
        '--watch [interval]',
        'go on until stopped, every hour: mark what is idle, and remove it a day later',
      ).conflicts(['dryRun', 'includeProtected']),
    )
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('what was done'))
    .addHelpText(
      'after',
      `\nWorkspaces stay as they are, and what has an open session is never removed.\n\nExamples:\n  ${context.name} cleanup --dry-run\n  ${context.name} cleanup --older-than 7d --user ann\n  ${context.name} cleanup --watch\n  ${context.name} cleanup --watch=10m --json\n`,
    )
    .action(context.exits((flags: CleanupFlags) => cleanup(flags, context)));
}

async function cleanup(flags: CleanupFlags, context: CommandContext): Promise<number> {
  const { parseDuration } = await import('@sandbox/core');
  const { dryRun = false, includeProtected, user, watch } = flags;
  const idleDays =
    flags.olderThan === undefined ? undefined : parseDuration(flags.olderThan, '--older-than') / DAY_MS;
  const options: CleanupOptions = { idleDays, includeProtected, user };
  if (watch !== undefined) {
    const everyMs = watch === true ? HOUR_MS : parseDuration(watch, '--watch');
    return sweepUntilStopped({ ...options, mode: 'automatic' }, everyMs, flags, context);
  }
  const unavailable: SandboxError[] = [];
  const onUnavailable = (reason: SandboxError) => void unavailable.push(reason);
  const report = await withSandboxes(context, flags, (sandboxes) =>
    sandboxes.cleanup({ ...options, dryRun, onUnavailable }),
  );
  if (flags.json) await printJson(context, report);
  else await print(context, cleanupTable(report, dryRun, painter(context.io.stdout, context.io.env)));
  await tellReport(report, unavailable, context);
  return report.failed.length === 0 ? EXIT.ok : EXIT.sandbox;
}

/** One after the other. What fails in one of them is told, and tried again in the next. */
async function sweepUntilStopped(
  options: CleanupOptions,
  everyMs: number,
  { json, runtime, config }: CleanupFlags,
  context: CommandContext,
): Promise<number> {
  using settings = await loadSettings(context, config, { follow: true });
  const stop = new AbortController();
  using _watch = watchStopSignals(context.io.signals, () => stop.abort());
  await withSandboxes(context, { runtime, config: settings }, async (sandboxes) => {
    while (!stop.signal.aborted) {
      await sweepOnce(sandboxes, { ...options, signal: stop.signal }, json === true, context);
      await pause(everyMs, stop.signal);
    }
  });
  return EXIT.ok;
}

async function sweepOnce(
  sandboxes: Sandboxes,
  options: CleanupOptions & { readonly signal: AbortSignal },
  json: boolean,
  context: CommandContext,
): Promise<void> {
  try {
    const unavailable: SandboxError[] = [];
    const onUnavailable = (reason: SandboxError) => void unavailable.push(reason);
    const report = await sandboxes.cleanup({ ...options, onUnavailable });
    const at = new Date().toISOString();
    const { stdout } = context.io;
    if (json) await write(stdout, `${JSON.stringify({ at, ...report })}\n`);
    else {
      const kept = report.kept.filter(({ name }) => report.marked.includes(name));
      const lines = cleanupTable({ ...report, kept }, false, painter(stdout, context.io.env));
      await write(stdout, lines.replace(/^(?=.)/gm, `${at} `));
    }
    await tellReport(report, unavailable, context);
  } catch (error) {
    if (options.signal.aborted) return;
    await warn(context, error instanceof Error ? error.message : String(error));
  }
}

/** What a runtime has that could not be asked, is not cleaned up. */
async function tellReport(
  { failed, adopted }: CleanupReport,
  unavailable: readonly SandboxError[],
  context: CommandContext,
): Promise<void> {
  for (const reason of unavailable)
    await tell(context.io.stderr, failureText(failureOf(reason), `${context.name}: warning`));
  await tellAdopted(adopted, context);
  for (const { name, error } of failed) {
    const failure = {
      ...{ code: 'UNKNOWN', exitCode: EXIT.sandbox, message: `${name} could not be removed: ${error}` },
      hint: 'The next cleanup tries again.',
    };
    await tell(context.io.stderr, failureText(failure, context.name));
  }
}

/** After the registry was lost, and when other programs have made some that keep none. */
export async function tellAdopted(adopted: readonly string[], context: CommandContext): Promise<void> {
  if (adopted.length === 0) return;
  const one = adopted.length === 1;
  const what = one ? 'one sandbox was' : `${adopted.length} sandboxes were`;
  await warn(context, `${what} not in the registry, and ${one ? 'counts' : 'count'} as used now`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
