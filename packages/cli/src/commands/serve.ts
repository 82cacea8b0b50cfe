import type { Config } from '@sandbox/config';
import type { LogLevel, ServerLimits } from '@sandbox/server';
import { type Command, Option } from 'commander';
import { type CommandContext, jsonOption, languagesOf } from '../command-context.ts';
import { watchStopSignals } from '../execution/stop-signals.ts';
import { unblocked } from '../execution/unblocked.ts';
import { EXIT } from '../exit-code.ts';
import { startPrepull } from '../images/prepull.ts';
import { openSandboxes } from '../open-sandboxes.ts';
import { logWriter } from '../output/log-writer.ts';
import { print, printJson } from '../print.ts';
import { callerOf, configOption, loadSettings } from '../settings.ts';
import { UsageError } from '../usage-error.ts';

interface ServeFlags {
  readonly host: string;
  readonly port: string;
  readonly allowHost?: readonly string[];
  readonly runtime?: string;
  readonly config?: string;
  readonly logLevel: LogLevel;
  readonly json?: boolean;
}

const examples = (name: string) => `
Without API keys it listens on loopback addresses only, and whoever reaches them acts as you. With keys (${name} keys add)
every request needs one, and acts as the key's user. The first SIGTERM or Ctrl-C ends what runs, removes ephemeral
sandboxes and keeps the long-lived ones; the second does not wait.
On stderr it tells what is done, by whom and how it went: lines of JSON, or of text where that is a terminal. Keys, bodies, code,
variables and output are never among it.

Examples:
  ${name} serve
  ${name} keys add --user alice && ${name} serve --host 0.0.0.0 --allow-host sandbox.example.org
  curl -s localhost:7070/sandbox -H 'Content-Type: application/json' -d '{"runtime":"bash","code":"echo hello"}'
`;

export function declareServe(program: Command, context: CommandContext): void {
  const many = (value: string, before: readonly string[] = []) => [...before, value];
  program
    .command('serve')
    .description('serve sandboxes over HTTP: /docs shows how')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 takes any that is free', '7070')
    .addOption(
      new Option('--allow-host <name>', 'a name by which it may be called; may be repeated').argParser(many),
    )
    .option('--runtime <name>', 'only this runtime')
    .addOption(
      new Option('--log-level <level>', 'the least that is told on stderr')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addOption(configOption())
    .addOption(jsonOption('where it listens'))
    .addHelpText('after', examples(context.name))
    .action(context.exits((flags: ServeFlags) => serve(flags, context)));
}

async function serve(flags: ServeFlags, context: CommandContext): Promise<number> {
  const port = portOf(flags.port);
  const stop = Promise.withResolvers<void>();
  const impatient = Promise.withResolvers<void>();
  let heard = 0;
  using _watch = watchStopSignals(context.io.signals, () => {
    heard += 1;
    (heard === 1 ? stop : impatient).resolve();
  });
  const [{ createServer, createServiceLog }, languages] = await Promise.all([
    import('@sandbox/server'),
    languagesOf(context),
  ]);
  using _unblocked = unblocked(context.io.stderr);
  const log = createServiceLog({ level: flags.logLevel, write: logWriter(context.io.stderr) });
  const onWarning = (message: string) => log.warn(message);
  using config = await loadSettings(context, flags.config, { follow: true, onWarning });
  const sandboxes = await openSandboxes(context, { runtime: flags.runtime, config, onWarning });
  const prepull = await startPrepull(context, { sandboxes, config, languages }, onWarning).catch(
    async (error) => {
      await sandboxes.close();
      throw error;
    },
  );
  const server = createServer({
    sandboxes,
    languages,
    health: () => ({ images: prepull.states }),
    access: config,
    localUser: callerOf(context, {}).user,
    hosts: flags.allowHost,
    version: context.version,
    limits: limitsOf(config),
    log,
  });
  try {
    const url = await server.listen({ host: flags.host, port });
    if (flags.json) await printJson(context, { url });
    else await print(context, `${url}\n`);
    await stop.promise;
  } finally {
    const closed = Promise.all([server.close(), prepull[Symbol.asyncDispose]()]).then(() =>
      sandboxes.close(),
    );
    await Promise.race([closed, impatient.promise]);
  }
  return EXIT.ok;
}

function limitsOf({ parsed }: Config): Partial<ServerLimits> {
  const { idle_ttl, sandboxes_per_user, sandboxes } = parsed.values.server ?? {};
  return {
    ...(idle_ttl !== undefined && { idleTtlMs: idle_ttl }),
    ...(sandboxes_per_user !== undefined && { sandboxesPerUser: sandboxes_per_user }),
    ...(sandboxes !== undefined && { sandboxes }),
  };
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port < 65_536) return port;
  throw new UsageError(`--port: "${text}" is not a port`, 'Write a number from 0 to 65535.');
}
