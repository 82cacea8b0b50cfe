import type { Sandbox } from '@sandbox/core';
import { write } from '../cli-io.ts';
import type { CommandContext } from '../command-context.ts';
import { openingLines } from '../execution/messages.ts';
import type { OpenFlags } from '../execution/options.ts';
import { type Performance, prepare } from '../execution/perform.ts';
import type { OpenRequest } from '../execution/request.ts';
import { stoppable } from '../execution/stoppable.ts';
import { EXIT } from '../exit-code.ts';
import { printable } from '../output/printable.ts';
import { print, printJson } from '../print.ts';
import { UsageError } from '../usage-error.ts';

/** `exec --detach`: starts the command, prints its id, and leaves it running. */
export function startDetached(
  performance: Performance<OpenRequest>,
  context: CommandContext,
): Promise<number> {
  refuseTogether(performance.flags);
  return stoppable(context.io, (signal) =>
    prepare(performance, context, async ({ request, obtain, settle }) => {
      const sandbox = await obtain(signal);
      settle();
      try {
        if (request.verbose) await write(context.io.stderr, openingLines(sandbox, context.name));
        return await startIn(sandbox, request, context);
      } finally {
        await sandbox.close();
      }
    }),
  );
}

async function startIn(sandbox: Sandbox, request: OpenRequest, context: CommandContext): Promise<number> {
  const { env, cwd } = request;
  const { timeoutMs } = request.policy;
  const command = await sandbox.spawn(request.command, { detached: true, env, cwd, timeoutMs });
  const info = await command.inspect();
  const { warnings } = sandbox;
  if (request.json)
    await printJson(context, { runtime: sandbox.runtime, sandbox: sandbox.name, ...info, warnings });
  else await print(context, `${command.id}\n`);
  for (const warning of warnings)
    await write(context.io.stderr, `${context.name}: warning: ${printable(warning)}\n`);
  if (info.pid !== null) return EXIT.ok;
  // It has no process: it could not be executed, and its log says why.
  const { stderr } = await command.logs();
  await write(context.io.stderr, `${context.name}: ${printable(stderr.trimEnd())}\n`);
  return info.result?.exitCode ?? EXIT.sandbox;
}

function refuseTogether(flags: OpenFlags): void {
  const options = [
    ['tty', '--tty', 'It runs without a terminal: sandbox logs --follow shows what it prints.'],
    ['user', '--user', "It runs as the sandbox's own user."],
    ['ephemeral', '--ephemeral', 'It needs a sandbox that is kept.'],
  ] as const;
  const refused = options.find(([key]) => flags[key]);
  if (refused !== undefined) {
    throw new UsageError(`--detach and ${refused[1]} exclude each other`, refused[2]);
  }
}
