import type { Command } from 'commander';
import { type CommandContext, jsonOption } from '../command-context.ts';
import { stateOf } from '../detached/detached-table.ts';
import { type DetachedFlags, declareOneDetached, withDetached } from '../detached/detached-target.ts';
import { EXIT } from '../exit-code.ts';
import { print, printJson } from '../print.ts';
import { UsageError } from '../usage-error.ts';

interface KillFlags extends DetachedFlags {
  readonly signal?: string;
  readonly grace?: string;
}

const help = (name: string) => `
Its whole process tree is killed, with what it has started in the background, and the command returns when nothing of it is left. One that
has ended is a success. With --signal that signal is sent to its process group, and nothing is waited for.

Examples:
  ${name} kill 5f3a9c01-1
  ${name} kill sandbox-web-1f2e3d4c5b6a 5f3a9c01-1 --grace 10s
  ${name} kill --signal HUP 5f3a9c01-1
`;

export function declareKill(program: Command, context: CommandContext): void {
  declareOneDetached(program.command('kill').description('end a detached command, or send it a signal'))
    .option('-s, --signal <name>', 'send this one, such as TERM or INT, in place of killing it')
    .option('--grace <time>', 'between SIGTERM and SIGKILL (default: 0s, which kills at once)')
    .addOption(jsonOption('what has become of it'))
    .addHelpText('after', help(context.name))
    .action(
      context.exits(async (first: string | undefined, second: string | undefined, flags: KillFlags) => {
        const { signal, grace } = flags;
        if (signal !== undefined && grace !== undefined)
          throw new UsageError('--signal and --grace exclude each other', 'Leave one of them out.');
        const { parseDuration } = await import('@sandbox/core');
        const graceMs = grace === undefined ? undefined : parseDuration(grace, '--grace');
        return withDetached(context, [first, second], flags, async ({ sandbox, command }) => {
          if (signal === undefined) await command.kill({ ...(graceMs !== undefined && { graceMs }) });
          else await command.signal(signal);
          const info = await command.inspect();
          if (flags.json)
            await printJson(context, { runtime: sandbox.runtime, sandbox: sandbox.name, ...info });
          else await print(context, `${command.id} ${stateOf(info)}\n`);
          return EXIT.ok;
        });
      }),
    );
}
