import type { DetachedCommand, OutputChunk, Sandbox } from '@sandbox/core';
import type { Command } from 'commander';
import { write } from '../cli-io.ts';
import { type CommandContext, jsonOption } from '../command-context.ts';
import { type DetachedFlags, declareOneDetached, withDetached } from '../detached/detached-target.ts';
import { unblocked } from '../execution/unblocked.ts';
import { EXIT } from '../exit-code.ts';
import { bytes } from '../output/quantities.ts';
import { printJson } from '../print.ts';

interface LogsFlags extends DetachedFlags {
  readonly follow?: boolean;
}

interface LogsCall {
  readonly sandbox: Sandbox;
  readonly command: DetachedCommand;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}

const help = (name: string) => `
stdout and stderr go to this program's own, byte for byte. The last MiB of each is kept. --follow goes on until the command has ended, or until Ctrl-C, which leaves it running; with
--json it then prints an object a line: stream, text.

Examples:
  ${name} logs 5f3a9c01-1
  ${name} logs sandbox-web-1f2e3d4c5b6a 5f3a9c01-1 --follow
  ${name} logs 5f3a9c01-1 2> /dev/null | tail -20
  ${name} logs --json 5f3a9c01-1 | jq -r .stderr
`;

export function declareLogs(program: Command, context: CommandContext): void {
  declareOneDetached(program.command('logs').description('show what a detached command has printed'))
    .option('-f, --follow', 'and what it prints from now on')
    .addOption(jsonOption('it'))
    .addHelpText('after', help(context.name))
    .action(
      context.exits((first: string | undefined, second: string | undefined, flags: LogsFlags) =>
        withDetached(context, [first, second], flags, async (found) => {
          const call = { ...found, context };
          using _unblocked = unblocked(context.io.stdout, context.io.stderr);
          if (flags.follow) await follow(call, flags.json ? asLines(context) : asItIs(context));
          else await show(call, flags.json ?? false);
          return EXIT.ok;
        }),
      ),
    );
}

async function show({ sandbox, command, context }: LogsCall, json: boolean): Promise<void> {
  const { stdoutBytes, stderrBytes, info, ...logs } = await command.logs();
  if (json) {
    await printJson(context, { runtime: sandbox.runtime, sandbox: sandbox.name, ...info, ...logs });
    return;
  }
  const { stdout, stderr } = context.io;
  await Promise.all([write(stdout, stdoutBytes), write(stderr, stderrBytes)]);
  if (logs.stdoutTruncated) await tellMissed(context, 'stdout', info.stdoutLength - stdoutBytes.length);
  if (logs.stderrTruncated) await tellMissed(context, 'stderr', info.stderrLength - stderrBytes.length);
}

async function follow(
  { command, context, signal }: LogsCall,
  show: (chunk: OutputChunk) => Promise<void>,
): Promise<void> {
  const output = command.follow({ signal });
  try {
    for (;;) {
      const { done, value } = await output.next();
      if (!done) {
        await show(value);
        continue;
      }
      signal.throwIfAborted();
      await tellMissed(context, 'stdout', value.stdoutMissed);
      await tellMissed(context, 'stderr', value.stderrMissed);
      return;
    }
  } finally {
    await output.return({ stdoutMissed: 0, stderrMissed: 0 });
  }
}

const asItIs =
  ({ io }: CommandContext) =>
  ({ stream, bytes }: OutputChunk): Promise<void> =>
    write(io[stream], bytes);

/** A decoder for each stream, so that a letter that comes in two pieces is one. */
function asLines(context: CommandContext): (chunk: OutputChunk) => Promise<void> {
  const options = { stream: true };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  return async ({ stream, bytes }) => {
    const text = decoders[stream].decode(bytes, options);
    if (text !== '') await write(context.io.stdout, `${JSON.stringify({ stream, text })}\n`);
  };
}

async function tellMissed({ io, name }: CommandContext, stream: string, missed: number): Promise<void> {
  if (missed <= 0) return;
  await write(
    io.stderr,
    `${name}: warning: ${bytes(missed)} of ${stream} are missing: only its last part is kept\n`,
  );
}
