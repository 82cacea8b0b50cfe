import { setTimeout as sleep } from 'node:timers/promises';
import type { Sandboxes } from '@sandbox/core';
import { type Command, Option } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { stoppable } from '../execution/stoppable.ts';
import { EXIT } from '../exit-code.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { painter } from '../output/colors.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';
import { checkHistoryFlags, type HistoryFlags, showHistory } from '../stats/history.ts';
import { LiveText, statsTable } from '../stats/live-table.ts';
import { Sampler, type StatsRow } from '../stats/sampler.ts';
import { findTarget, type TargetFlags, targetsOf, workspaceOption } from '../targets/targets.ts';

interface StatsFlags extends TargetFlags, HistoryFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly stream: boolean;
}

/** Between two samples that are compared, of a table that is shown once. */
const APART_MS = 500;
const REDRAW_MS = 1_000;

const help = (name: string) => `
On a terminal the table goes on until Ctrl-C. CPU is in processors' worth: 100 % is one. PIDS counts the agent's own tasks too.

With --history it is what was run in them: failures are commands that ended otherwise than with exit code 0, errors what could not be
run or was lost; P50 and so on are how long 50, 95 and 99 of 100 commands took at most, those with a terminal left out.

Examples:
  ${name} stats
  ${name} stats --history --since 24h --by runtime
  ${name} stats --workspace .
  ${name} stats --json | jq -r '.[] | select(.cpuPercent > 50) | .name'
`;

export function declareStats(program: Command, context: CommandContext): void {
  program
    .command('stats')
    .description('show what sandboxes use: processors, memory, processes; and what was run in them')
    .argument('[NAME...]', 'as sandbox ls shows them (default: all)')
    .addOption(workspaceOption())
    .option('--no-stream', 'show it once, as happens without a terminal')
    .addOption(runtimeOption())
    .option('--history', 'what was run, how it ended and how long it took')
    .option('--since <time>', 'with --history: so far back (default: 7d)')
    .option('--user <name>', 'with --history: only what this user ran')
    .addOption(
      new Option('--by <group>', 'with --history: a line for each of these (default: user)').choices([
        ...['user', 'project', 'language', 'runtime'],
      ]),
    )
    .addOption(configOption())
    .addOption(jsonOption('one sample, or the history'))
    .addHelpText('after', help(context.name))
    .action(
      context.exits((names: string[], flags: StatsFlags) => {
        checkHistoryFlags(names, flags);
        if (flags.history) return showHistory(flags, context);
        return stoppable(context.io, (signal) =>
          withSandboxes(context, flags, (sandboxes) => stats(sandboxes, names, { flags, context, signal })),
        );
      }),
    );
}

interface StatsCall {
  readonly flags: StatsFlags;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}

async function stats(sandboxes: Sandboxes, names: readonly string[], call: StatsCall): Promise<number> {
  const { flags, context, signal } = call;
  const sampler = new Sampler(sandboxes, await namesOf(sandboxes, names, call));
  const paint = painter(context.io.stdout, context.io.env);
  if (context.io.stdout.isTTY && flags.stream && !flags.json) {
    const live = new LiveText(context.io.stdout);
    await untilStopped(signal, async () => {
      await live.draw(statsTable(await sampler.sample(signal), paint));
      await sleep(REDRAW_MS, undefined, { signal });
    });
    return EXIT.ok;
  }
  const rows = await sampleTwice(sampler, signal);
  if (flags.json) await printJson(context, rows);
  else await print(context, statsTable(rows, paint));
  return EXIT.ok;
}

/** Null for all. One that is named and is not there is an error. */
async function namesOf(
  sandboxes: Sandboxes,
  names: readonly string[],
  { flags, context }: StatsCall,
): Promise<string[] | null> {
  if (names.length === 0 && flags.workspace === undefined) return null;
  const targets = await targetsOf(sandboxes, names, flags, context.io);
  const found = await Promise.all(targets.map((target) => findTarget(sandboxes, target)));
  return found.map(({ name }) => name);
}

async function sampleTwice(sampler: Sampler, signal: AbortSignal): Promise<StatsRow[]> {
  await sampler.sample(signal);
  await sleep(APART_MS, undefined, { signal });
  return sampler.sample(signal);
}

/** To be stopped is how it ends, and no failure. */
async function untilStopped(signal: AbortSignal, again: () => Promise<void>): Promise<void> {
  try {
    for (;;) await again();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
