import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { startDetached } from '../detached/start-detached.ts';
import { declareExecOptions, type OpenFlags } from '../execution/options.ts';
import { type Performance, perform } from '../execution/perform.ts';
import { type OpenRequest, toOpenRequest } from '../execution/request.ts';
import { openSandbox } from '../targets/open-sandbox.ts';

const help = (name: string) => `
A workspace has one sandbox, which is made when it is first used, started where it has stopped, and kept: what is installed in it,
and its HOME, are there for the next command. A task of a project has one too, with a read-only system and the project's volume at
/workspace, until ${name} task end. Options end at the first word of COMMAND.
A new one has the usual development tools. The first one of an image waits for minutes while they are installed, for all that come after it.

Examples:
  ${name} exec -- npm ci
  ${name} exec --workspace ~/work/web --memory 2g -- make test
  ${name} exec --name sandbox-web-1f2e3d4c5b6a -- cat /etc/os-release
  ${name} exec --allow-root --user root -- apt-get install -y jq
  ${name} exec --recreate --network none -- python3 untrusted.py
  ${name} exec --json -- sh -c 'exit 3'
  ${name} exec --detach -- npm run dev
  ${name} exec --project web --task fix-login --image node:22 -- npm test

Exit codes: the command's own; 124 it ran out of time; 125 the sandbox itself failed;
128+n signal n ended it; 2 wrong usage.
`;

export function declareExec(program: Command, context: CommandContext): void {
  const command = program
    .command('exec')
    .description('run one command in the sandbox of a workspace, which is kept')
    .usage('[options] [--] COMMAND [ARG...]')
    .argument('<COMMAND...>', 'program and arguments, passed on byte for byte')
    .passThroughOptions()
    .addHelpText('after', help(context.name));
  declareExecOptions(command);
  command.action(
    context.exits((words: string[], flags: OpenFlags) => {
      const performance: Performance<OpenRequest> = {
        words,
        flags,
        toRequest: (requestContext) => toOpenRequest(words, flags, requestContext),
        runtimes: 'any',
        obtain: (sandboxes, request, options) => openSandbox(sandboxes, request, context.io, options),
      };
      return flags.detach ? startDetached(performance, context) : perform(performance, context);
    }),
  );
}
