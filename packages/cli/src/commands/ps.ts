import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { detachedTable } from '../detached/detached-table.ts';
import { type DetachedFlags, sandboxOf } from '../detached/detached-target.ts';
import { EXIT } from '../exit-code.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { painter } from '../output/colors.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';
import { NAME_OR_HERE, workspaceOption } from '../targets/targets.ts';

const help = (name: string) => `
Those that run, and the last 32 that have ended. A command is running while anything of its process tree is left. When the sandbox is stopped, they end, and are forgotten.

Examples:
  ${name} exec --detach -- npm run dev
  ${name} ps
  ${name} ps sandbox-web-1f2e3d4c5b6a
  ${name} ps --json | jq -r '.[] | select(.state == "running") | .id'
`;

export function declarePs(program: Command, context: CommandContext): void {
  program
    .command('ps')
    .description('list the detached commands of a sandbox')
    .argument('[NAME]', NAME_OR_HERE)
    .addOption(workspaceOption())
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('the list'))
    .addHelpText('after', help(context.name))
    .action(
      context.exits((name: string | undefined, flags: DetachedFlags) =>
        withSandboxes(context, flags, async (sandboxes) => {
          const list = await (await sandboxOf(sandboxes, name, flags, context)).commands.list();
          if (flags.json) await printJson(context, list);
          else
            await print(context, detachedTable(list, new Date(), painter(context.io.stdout, context.io.env)));
          return EXIT.ok;
        }),
      ),
    );
}
