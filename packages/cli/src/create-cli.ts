import { fileURLToPath } from 'node:url';
import type { AdapterPlugin } from '@sandbox/core';
import type { LanguageCatalog } from '@sandbox/languages';
import { Command, CommanderError, Option } from 'commander';
import { type AdapterEntry, entryOf } from './adapters/adapter-entry.ts';
import { type CliIo, completeIo, type OutputStream, ReaderGone, write } from './cli-io.ts';
import type { CommandContext } from './command-context.ts';
import { declareCleanup } from './commands/cleanup.ts';
import { declareCode } from './commands/code.ts';
import { declareCompletion } from './commands/completion.ts';
import { declareConfig } from './commands/config.ts';
import { declareCp } from './commands/cp.ts';
import { declareDf } from './commands/df.ts';
import { declareDoctor } from './commands/doctor.ts';
import { declareExec } from './commands/exec.ts';
import { declareImages } from './commands/images.ts';
import { declareInspect } from './commands/inspect.ts';
import { declareKeys } from './commands/keys.ts';
import { declareKill } from './commands/kill.ts';
import { declareLogs } from './commands/logs.ts';
import { declareLs } from './commands/ls.ts';
import { declarePrepare } from './commands/prepare.ts';
import { declarePrune } from './commands/prune.ts';
import { declarePs } from './commands/ps.ts';
import { declarePull } from './commands/pull.ts';
import { declareRm } from './commands/rm.ts';
import { declareRun } from './commands/run.ts';
import { declareServe } from './commands/serve.ts';
import { declareShell } from './commands/shell.ts';
import { declareStart } from './commands/start.ts';
import { declareStats } from './commands/stats.ts';
import { declareStop } from './commands/stop.ts';
import { declareTask } from './commands/task.ts';
import { declareUninstall } from './commands/uninstall.ts';
import { declareVolumes } from './commands/volumes.ts';
import { failedReport } from './execution/report.ts';
import { EXIT } from './exit-code.ts';
import { failureOf, failureText } from './failure.ts';
import { toJson } from './output/json.ts';

export interface CliOptions {
  /** The runtimes that the program knows, in the order in which `auto` and `doctor` look at them: what adapters' packages export as `default`, or `lazyAdapter`s. */
  readonly adapters: readonly (AdapterEntry | AdapterPlugin)[];
  /** Directory of the program. Adapters' packages that are installed beside it can be named in `sandbox.toml` and with `--adapter`. @default that of this package */
  readonly directory?: string | undefined;
  /** The languages of `code`, of images and of the service. @default those of `@sandbox/languages` */
  readonly languages?: LanguageCatalog | undefined;
  /** What the program is called. @default 'sandbox' */
  readonly name?: string;
  readonly version?: string;
}

export interface Cli {
  /**
   * `argv` is what follows the program's name. Resolves with the exit code once all output is with the operating system, and never
   * rejects; the caller then ends the process with it.
   */
  run(argv: readonly string[], io?: Partial<CliIo>): Promise<number>;
}

const COMMANDS = [
  declareRun,
  declareCode,
  declareExec,
  declareShell,
  declarePs,
  declareLogs,
  declareKill,
  declareLs,
  declareInspect,
  declareStart,
  declareStop,
  declareCp,
  declareStats,
  declareRm,
  declareTask,
  declareVolumes,
  declareCleanup,
  declarePull,
  declareImages,
  declarePrepare,
  declarePrune,
  declareDf,
  declareServe,
  declareKeys,
  declareConfig,
  declareDoctor,
  declareCompletion,
  declareUninstall,
];

/** Commands whose `--json` is a command's report, whatever happened. */
const REPORTING = new Set(['run', 'code', 'exec']);

export function createCli({
  adapters,
  directory = fileURLToPath(new URL('.', import.meta.url)),
  languages,
  name = 'sandbox',
  version = 'unknown',
}: CliOptions): Cli {
  return {
    async run(argv, given = {}) {
      const io = completeIo(given);
      const help: Help = { asked: '', unasked: '' };
      let exitCode: number = EXIT.ok;
      let parsed = false;
      const context: CommandContext = {
        name,
        version,
        entries: adapters.map(entryOf),
        adapterNames: [],
        directory,
        languages,
        io,
        exits:
          (action) =>
          async (...parameters) => {
            parsed = true;
            exitCode = await action(...parameters);
          },
      };
      // A reader that goes away is dealt with where we write; unheard, it would end the process.
      const ignore = () => {};
      io.stdout.on('error', ignore);
      io.stderr.on('error', ignore);
      try {
        const program = makeProgram(context, version, help);
        try {
          await program.parseAsync([...argv], { from: 'user' });
        } catch (error) {
          const { json } = commandOf(program, argv)?.opts() ?? {};
          exitCode = await settle(
            error,
            { argv, json: json ?? (!parsed && mentionsJson(argv)) },
            context,
            help,
          );
        }
        if (help.asked !== '') await write(io.stdout, help.asked);
        return exitCode;
      } catch (error) {
        return error instanceof ReaderGone ? exitCode : EXIT.sandbox;
      } finally {
        io.stdout.off('error', ignore);
        io.stderr.off('error', ignore);
      }
    },
  };
}

/** The command that the words begin with, and in a group the one in there. */
function commandOf(program: Command, [word, ...rest]: readonly string[]): Command | undefined {
  const found = program.commands.find((command) => command.name() === word);
  return found?.commands.length ? commandOf(found, rest) : found;
}

/** What commander has to say, told at the end: its own writing knows no backpressure. */
interface Help {
  asked: string;
  unasked: string;
}

function makeProgram(context: CommandContext, version: string, help: Help): Command {
  const program = new Command(context.name)
    .description('Runs commands in isolation, over whichever runtime this machine has.')
    .version(`${context.name} ${version}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        help.asked += text;
      },
      writeErr: (text) => {
        help.unasked += text;
      },
      // Errors are told in our own form.
      outputError: () => {},
      getOutHelpWidth: () => context.io.stdout.columns ?? 100,
    })
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.name} run -- echo hello\n  ${context.name} run --workspace . -- make test\n  ${context.name} doctor\n\n${context.name} COMMAND --help tells more.\n`,
    );
  for (const declare of COMMANDS) declare(program, context);
  declareAdapterOption(program, context);
  return program;
}

/** Wherever a runtime can be chosen, one more can be brought. */
function declareAdapterOption(command: Command, context: CommandContext): void {
  for (const inner of command.commands) declareAdapterOption(inner, context);
  if (!command.options.some(({ long }) => long === '--runtime')) return;
  command.addOption(
    new Option('--adapter <package>', 'use this package’s runtime too (repeatable)').argParser(
      (name: string) => {
        context.adapterNames.push(name);
      },
    ),
  );
}

/** Commander throws for help and versions too, with exit code 0. */
async function settle(
  error: unknown,
  { argv, json }: { argv: readonly string[]; json: boolean },
  context: CommandContext,
  help: Help,
): Promise<number> {
  const { io } = context;
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  if (error instanceof CommanderError && error.code === 'commander.help') {
    await write(io.stderr, help.unasked);
    return EXIT.usage;
  }
  // What could not be written because nobody reads it any more was not wanted.
  if (error instanceof ReaderGone) return EXIT.ok;
  const failure = failureOf(error);
  // What one stream does not take is told on the other all the same, and the exit code tells it in any case.
  const tell = (stream: OutputStream, text: string) => write(stream, text).catch(() => {});
  if (json) {
    const shown = { code: failure.code, message: failure.message, hint: failure.hint ?? null };
    const report = REPORTING.has(argv[0] ?? '') ? failedReport([], {}, failure) : { error: shown };
    await tell(io.stdout, toJson(report));
  }
  await tell(io.stderr, failureText(failure, context.name));
  if (io.env.SANDBOX_DEBUG && error instanceof Error) await tell(io.stderr, `${inspected(error)}\n`);
  return failure.exitCode;
}

const inspected = (error: Error): string =>
  `${error.stack ?? error.message}${error.cause instanceof Error ? `\ncaused by: ${inspected(error.cause)}` : ''}`;

/** For a command line that could not be parsed: whether --json is among the words that may be options. */
function mentionsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}
