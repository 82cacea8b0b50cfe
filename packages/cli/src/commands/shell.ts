import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { LOGIN_SHELL } from '../execution/login-shell.ts';
import { declareShellOptions, type OpenFlags } from '../execution/options.ts';
import { perform } from '../execution/perform.ts';
import { toOpenRequest } from '../execution/request.ts';
import { openSandbox } from '../targets/open-sandbox.ts';
import { NAME_OR_HERE } from '../targets/targets.ts';

const help = (name: string) => `
The shell is the login shell of the sandbox's user, or bash where that is only sh; it reads ~/.bashrc, starts in /workspace, and has a
terminal that follows the size of this one. Its exit code is passed on. Where the workspace has no sandbox yet, one is made.

Examples:
  ${name} shell
  ${name} shell --workspace ~/work/web
  ${name} shell sandbox-web-1f2e3d4c5b6a
  ${name} shell --project web --task fix-login
  ${name} shell --recreate --allow-root --user root
`;

export function declareShell(program: Command, context: CommandContext): void {
  const command = program
    .command('shell')
    .description('open an interactive shell in the sandbox of a workspace')
    .argument('[NAME]', NAME_OR_HERE)
    .addHelpText('after', help(context.name));
  declareShellOptions(command);
  command.action(
    context.exits((name: string | undefined, given: OpenFlags) => {
      const flags = { ...given, tty: true, ...(name !== undefined && { name }) };
      return perform(
        {
          words: LOGIN_SHELL,
          flags,
          toRequest: (requestContext) => toOpenRequest(LOGIN_SHELL, flags, requestContext),
          runtimes: 'any',
          obtain: (sandboxes, request, options) => openSandbox(sandboxes, request, context.io, options),
        },
        context,
      );
    }),
  );
}
