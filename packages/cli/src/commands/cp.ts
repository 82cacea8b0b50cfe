import type { Command } from 'commander';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { type CopyResult, copy } from '../copy/copy.ts';
import { copyRequest } from '../copy/copy-sides.ts';
import { stoppable } from '../execution/stoppable.ts';
import { EXIT } from '../exit-code.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { printable } from '../output/printable.ts';
import { progressDisplay } from '../output/progress.ts';
import { bytes } from '../output/quantities.ts';
import { print, printJson } from '../print.ts';
import { type CallerFlags, callerOf, declareCallerOptions } from '../settings.ts';
import { startNamed } from '../targets/open-sandbox.ts';
import { findTarget, type TargetFlags, targetOf, workspaceOption } from '../targets/targets.ts';
import { UsageError } from '../usage-error.ts';

interface CpFlags extends TargetFlags, CallerFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const help = (name: string) => `
One side is in a sandbox: NAME:PATH, or :PATH for the sandbox of the workspace here or of --workspace DIR. A relative PATH starts
at /workspace. A directory is copied with all that is in it: into a DST that is there, or as DST where nothing is; SRC/. is its contents alone.
Links are copied as links. A sandbox that has stopped is started. What is called like NAME:… on the host is written ./NAME:…

Examples:
  ${name} cp data.csv :/tmp/
  ${name} cp sandbox-web-1f2e3d4c5b6a:/home/sandbox/.bashrc .
  ${name} cp --workspace ~/work/web :dist ./dist
`;

export function declareCp(program: Command, context: CommandContext): void {
  const command = program
    .command('cp')
    .description('copy files and directories into a sandbox, or out of it')
    .argument('<SRC>', 'path here, or NAME:PATH')
    .argument('<DST>', 'path here, or NAME:PATH')
    .addOption(workspaceOption())
    .addOption(runtimeOption());
  declareCallerOptions(command)
    .addOption(jsonOption('what was copied'))
    .addHelpText('after', help(context.name))
    .action(
      context.exits((source: string, target: string, flags: CpFlags) =>
        stoppable(context.io, async (signal) => {
          const result = await copyBetween(source, target, { flags, context, signal });
          if (flags.json) await printJson(context, result);
          else await print(context, `${printable(result.to)}: ${bytes(result.bytes)} in ${count(result)}\n`);
          return EXIT.ok;
        }),
      ),
    );
}

async function copyBetween(
  source: string,
  target: string,
  { flags, context, signal }: { flags: CpFlags; context: CommandContext; signal: AbortSignal },
): Promise<CopyResult> {
  const request = copyRequest(source, target);
  if (request.sandbox !== '' && flags.workspace !== undefined)
    throw new UsageError('NAME and --workspace exclude each other', 'With --workspace, write :PATH alone.');
  const { io } = context;
  const progress = progressDisplay(io.stderr, 'nothing');
  return withSandboxes(context, flags, async (sandboxes) => {
    try {
      const named = request.sandbox === '' ? undefined : request.sandbox;
      const meant = await targetOf(sandboxes, named, flags, io);
      const sandbox = await startNamed(await findTarget(sandboxes, meant, callerOf(context, flags)));
      return await copy(sandbox, request, { io, signal, progress });
    } finally {
      progress.clear();
    }
  });
}

const count = ({ entries }: CopyResult): string => (entries === 1 ? '1 entry' : `${entries} entries`);
