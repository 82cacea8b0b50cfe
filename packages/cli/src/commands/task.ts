import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { print, printJson } from '../print.ts';
import { type CallerFlags, callerOf, configOption } from '../settings.ts';
import { UsageError } from '../usage-error.ts';

interface EndFlags extends Pick<CallerFlags, 'userName'> {
  readonly project?: string;
  readonly task?: string;
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** The group of commands on tasks. */
export function declareTask(program: Command, context: CommandContext): void {
  const { name } = context;
  const group = program
    .command('task')
    .description('work with the tasks of projects')
    .addHelpText(
      'after',
      `\nA task is begun by the first ${name} exec or ${name} shell that names it; ${name} ls shows those that there are.\n\nExamples:\n  ${name} exec --project web --task fix-login -- npm test\n  ${name} task end --project web --task fix-login\n\n${name} task COMMAND --help tells more.\n`,
    );
  group
    .command('end')
    .description('remove the sandbox of a task, whatever runs in it')
    .option('--project <id>', 'of the task')
    .option('--task <id>', 'the one that ends')
    .addOption(runtimeOption())
    .addOption(configOption())
    .option(
      '--user-name <name>',
      "refuse another user's than this one's (default: SANDBOX_USER, else your login name)",
    )
    .addOption(jsonOption('what was ended'))
    .addHelpText(
      'after',
      `\nThe project's volume stays: ${name} volumes ls shows it. A task that is not there is no error.\n\nExamples:\n  ${name} task end --project web --task fix-login\n  ${name} task end --project web --task fix-login --json | jq .ended\n`,
    )
    .action(context.exits((flags: EndFlags) => end(flags, context)));
}

async function end({ project, task, json, ...flags }: EndFlags, context: CommandContext): Promise<number> {
  if (project === undefined || task === undefined)
    throw new UsageError('a task is named by two ids', 'Name both: --project web --task fix-login.');
  const { user } = callerOf(context, flags);
  const ended = await withSandboxes(context, flags, (sandboxes) =>
    sandboxes.endTask(project, task, { user }),
  );
  if (json) await printJson(context, { project, task, ended });
  else await print(context, ended ? `${project}/${task}\n` : '');
  return EXIT.ok;
}
