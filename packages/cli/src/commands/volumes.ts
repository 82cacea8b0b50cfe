import type { VolumeDetails } from '@sandbox/core';
import type { Command } from 'commander';
import { tell } from '../cli-io.ts';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { canAsk, confirm } from '../confirm.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf, failureText } from '../failure.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { type Paint, painter } from '../output/colors.ts';
import { printable } from '../output/printable.ts';
import { age, bytes } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson, tellFailures } from '../print.ts';
import { configOption } from '../settings.ts';
import { type TargetOutcome, tellOutcomes } from '../targets/each-target.ts';
import { UsageError } from '../usage-error.ts';

interface VolumesFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** The group of commands on the volumes of projects. */
export function declareVolumes(program: Command, context: CommandContext): void {
  const { name } = context;
  const group = program
    .command('volumes')
    .description('list and remove the volumes of projects')
    .addHelpText(
      'after',
      `\nThe volume of a project is at /workspace in all of its tasks, and stays when they end. No cleanup removes one.\n\nExamples:\n  ${name} volumes ls\n  ${name} volumes rm web\n  ${name} volumes prune\n\n${name} volumes COMMAND --help tells more.\n`,
    );
  const declare = (command: string, description: string, json: string, help: string) =>
    group
      .command(command)
      .description(description)
      .addOption(runtimeOption())
      .addOption(configOption())
      .addOption(jsonOption(json))
      .addHelpText('after', help);
  declare(
    'ls',
    'list the volumes of projects',
    'the list',
    `\nIDS are the user and the group that all of its tasks run as. SIZE is shown where the runtime can tell.\n\nExamples:\n  ${name} volumes ls\n  ${name} volumes ls --json | jq -r '.[].project'\n`,
  ).action(context.exits((flags: VolumesFlags) => list(flags, context)));
  declare(
    'rm',
    'remove the volumes of projects, with all that is in them',
    'what was removed',
    `\nOne that has tasks is refused. On a terminal it asks first.\n\nExamples:\n  ${name} volumes rm web\n  ${name} volumes rm -f web shop\n`,
  )
    .argument('<PROJECT...>', 'as sandbox volumes ls shows them')
    .option('-f, --force', 'do not ask; a project without a volume is no error')
    .action(context.exits((projects: string[], flags: VolumesFlags) => remove(projects, flags, context)));
  declare(
    'prune',
    'remove the volumes of all projects without tasks',
    'what was removed',
    `\nIt asks first, and without a terminal to ask on it removes nothing unless told to by -f.\n\nExamples:\n  ${name} volumes prune --dry-run\n  ${name} volumes prune\n  ${name} volumes prune -f --runtime docker\n`,
  )
    .option('-f, --force', 'do not ask')
    .option('--dry-run', 'only say what would be removed')
    .action(context.exits((flags: VolumesFlags) => prune(flags, context)));
}

async function list({ json, ...flags }: VolumesFlags, context: CommandContext): Promise<number> {
  const unavailable: Failure[] = [];
  const volumes = await withSandboxes(context, flags, (sandboxes) =>
    sandboxes.volumes.list({
      sizes: true,
      onUnavailable: (reason) => unavailable.push(failureOf(reason)),
    }),
  );
  if (json) await printJson(context, volumes);
  else await print(context, volumesTable(volumes, new Date(), painter(context.io.stdout, context.io.env)));
  for (const failure of unavailable)
    await tell(context.io.stderr, failureText(failure, `${context.name}: warning`));
  return EXIT.ok;
}

export function volumesTable(volumes: readonly VolumeDetails[], now: Date, paint: Paint): string {
  if (volumes.length === 0) return 'no volumes\n';
  const heading = ['PROJECT', 'RUNTIME', 'OWNER', 'IDS', 'AGE', 'SIZE', 'TASKS', 'VOLUME'];
  const rows = volumes.map(({ project, runtime, user, ids, createdAt, sizeBytes, tasks, name }) => [
    project,
    runtime,
    user === null ? '-' : printable(user),
    ids,
    age(createdAt, now),
    sizeBytes === null ? '-' : bytes(sizeBytes),
    tasks.length === 0 ? '-' : printable(tasks.join(',')),
    name,
  ]);
  return table([heading.map((cell) => paint('heading', cell)), ...rows]);
}

async function remove(
  projects: readonly string[],
  { json, force = false, ...flags }: VolumesFlags,
  context: CommandContext,
): Promise<number> {
  const { io } = context;
  const named = [...new Set(projects)];
  const which =
    named.length === 1 ? `the volume of project ${named[0]}` : `the volumes of ${named.length} projects`;
  if (!force && canAsk(io) && !(await confirm(io, `remove ${which} with all that is in it?`)))
    return EXIT.declined;
  const outcomes = await withSandboxes(context, flags, async (sandboxes) => {
    const done: TargetOutcome[] = [];
    for (const project of named) {
      const failure = await sandboxes.volumes.remove(project, { runtime: flags.runtime }).then(
        () => undefined,
        (error) => failureOf(error),
      );
      const isFine = failure === undefined || (force && failure.code === 'NOT_FOUND');
      done.push(isFine ? { name: project } : { name: project, failure });
    }
    return done;
  });
  return tellOutcomes(context, outcomes, { done: 'removed', json });
}

async function prune(
  { json, force = false, dryRun = false, ...flags }: VolumesFlags,
  context: CommandContext,
): Promise<number> {
  const { io } = context;
  const mayAsk = canAsk(io);
  if (!force && !dryRun && !mayAsk)
    throw new UsageError(
      'volumes prune asks first, and there is no terminal to ask on',
      'Add -f, or --dry-run.',
    );
  const failures: Failure[] = [];
  const onUnavailable = (reason: unknown) => void failures.push(failureOf(reason));
  const report = await withSandboxes(context, flags, async (sandboxes) => {
    if (force || dryRun) return sandboxes.volumes.prune({ dryRun, onUnavailable });
    const { removed } = await sandboxes.volumes.prune({ dryRun: true, onUnavailable: () => {} });
    if (removed.length > 0 && !(await confirm(io, question(removed)))) return null;
    // Nothing that was not asked about.
    return sandboxes.volumes.prune({ projects: removed.map(({ project }) => project), onUnavailable });
  });
  if (report === null) return EXIT.declined;
  if (json) await printJson(context, report);
  else {
    const verb = dryRun ? 'would remove' : 'removed';
    const rows = report.removed.map(({ runtime, project, name }) => [verb, runtime, project, name]);
    await print(context, rows.length > 0 ? table(rows) : 'nothing to remove\n');
  }
  for (const { name, error } of report.failed)
    failures.push({
      code: 'UNKNOWN',
      message: `${name} could not be removed: ${error}`,
      exitCode: EXIT.sandbox,
    });
  return tellFailures(context, failures);
}

function question(removed: readonly VolumeDetails[]): string {
  const projects = [...new Set(removed.map(({ project }) => project))].join(', ');
  return `remove ${removed.length === 1 ? 'the volume' : `${removed.length} volumes`} of ${projects}, with all that is in it?`;
}
