import type { Sandbox, Sandboxes } from '@sandbox/core';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { type CommandFlags, declareRunOptions } from '../execution/options.ts';
import { type ObtainOptions, perform } from '../execution/perform.ts';
import { type CommandRequest, toRunRequest } from '../execution/request.ts';

const examples = (name: string) => `
Options end at the first word of COMMAND.

Examples:
  ${name} run -- echo hello
  ${name} run --workspace . --workspace-access ro -- grep -rn TODO .
  ${name} run --image python:3.12-slim --memory 512m --timeout 30s -- python3 -c 'print(6 * 7)'
  cat data.csv | ${name} run -- sort -u > sorted.csv
  ${name} run --tty -- bash
  ${name} run --json -- sh -c 'exit 3'

Exit codes: the command's own; 124 it ran out of time; 125 the sandbox itself failed;
128+n signal n ended it; 2 wrong usage.
`;

export function declareRun(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .description('run one command in a sandbox of its own, and remove it')
    .usage('[options] [--] COMMAND [ARG...]')
    .argument('<COMMAND...>', 'program and arguments, passed on byte for byte')
    .passThroughOptions()
    .addHelpText('after', examples(context.name));
  declareRunOptions(command);
  command.action(
    context.exits((words: string[], flags: CommandFlags) =>
      perform(
        {
          words,
          flags,
          toRequest: (requestContext) => toRunRequest(words, flags, requestContext),
          runtimes: 'asked-for',
          obtain: create,
        },
        context,
      ),
    ),
  );
}

function create(
  sandboxes: Sandboxes,
  { runtime, image, pull, policy, workspace, workdir }: CommandRequest,
  options: ObtainOptions,
): Promise<Sandbox> {
  return sandboxes.create({ runtime, image, pull, policy, workspace, workdir, ...options });
}
