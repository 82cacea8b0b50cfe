import type { Caller, OnImageProgress, Sandbox, Sandboxes } from '@sandbox/core';
import { findEntries } from '../adapters/find-entries.ts';
import { tell, write } from '../cli-io.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodeOf, signalExitCode } from '../exit-code.ts';
import { failureOf, failureText } from '../failure.ts';
import { openSandboxes } from '../open-sandboxes.ts';
import { progressDisplay } from '../output/progress.ts';
import { printJson } from '../print.ts';
import { callerOf, loadSettings } from '../settings.ts';
import { execute, type Outcome, StoppedEarly } from './execute.ts';
import { endingFailure, openingLines } from './messages.ts';
import type { CommandFlags } from './options.ts';
import { CollectedOutputs, type Outputs, StreamedOutputs } from './outputs.ts';
import { failedReport, withFailure } from './report.ts';
import type { CommandRequest, RequestContext } from './request.ts';
import { unblocked } from './unblocked.ts';

/** Who asks, and what comes with every call. */
export interface ObtainOptions extends Caller {
  readonly signal: AbortSignal;
  readonly onProgress: OnImageProgress;
}

/** What differs between the commands that run a command. */
export interface Performance<Request extends CommandRequest> {
  readonly words: readonly string[];
  readonly flags: CommandFlags;
  toRequest(context: RequestContext): Request;
  /** `any`: also at runtimes that were not asked for, where there may be one already. */
  readonly runtimes: 'asked-for' | 'any';
  obtain(sandboxes: Sandboxes, request: Request, options: ObtainOptions): Promise<Sandbox>;
  /** What else is told when the command has ended. Never rejects. */
  readonly advice?: Promise<readonly string[]> | undefined;
}

/** From the words on the command line to the exit code. */
export function perform<Request extends CommandRequest>(
  performance: Performance<Request>,
  context: CommandContext,
): Promise<number> {
  return performance.flags.json
    ? performForJson(performance, context)
    : performStreaming(performance, context);
}

async function performStreaming<Request extends CommandRequest>(
  performance: Performance<Request>,
  context: CommandContext,
): Promise<number> {
  const { io } = context;
  const note = (text: string) => write(io.stderr, text).catch(() => {});
  const onReady = (sandbox: Sandbox) => {
    if (performance.flags.verbose) void note(openingLines(sandbox, context.name));
  };
  using _unblocked = unblocked(io.stdout, io.stderr);
  try {
    const outputs = new StreamedOutputs(io.stdout, io.stderr);
    const outcome = await performOn(performance, context, outputs, onReady);
    for (const warning of outcome.warnings) await note(`${context.name}: warning: ${warning}\n`);
    const failure = endingFailure(outcome, performance.words);
    if (failure) await note(failureText(failure, context.name));
    return exitCodeOf(outcome.result, outcome.stoppedBy);
  } catch (error) {
    if (error instanceof StoppedEarly) return signalExitCode(error.signal);
    throw error;
  }
}

async function performForJson<Request extends CommandRequest>(
  performance: Performance<Request>,
  context: CommandContext,
): Promise<number> {
  const { words, flags } = performance;
  const outputs = new CollectedOutputs();
  try {
    const outcome = await performOn(performance, context, outputs, () => {});
    const lost = outcome.result.ending === 'lost' ? endingFailure(outcome, words) : undefined;
    const { commandReport } = await import('@sandbox/core');
    const { sandbox: name, result, warnings } = outcome;
    const report = commandReport(words, { ...outcome, name }, { result, output: outputs.report(), warnings });
    await printJson(context, withFailure(report, lost));
    if (lost) await tell(context.io.stderr, failureText(lost, context.name));
    return exitCodeOf(outcome.result, outcome.stoppedBy);
  } catch (error) {
    if (error instanceof StoppedEarly) {
      await printJson(context, { ...failedReport(words, flags), ending: 'aborted' });
      return signalExitCode(error.signal);
    }
    const failure = failureOf(error);
    const known = error as { runtime?: string; sandbox?: string };
    const report = failedReport(
      words,
      { runtime: known.runtime ?? flags.runtime, sandbox: known.sandbox },
      failure,
    );
    await printJson(context, report);
    await tell(context.io.stderr, failureText(failure, context.name));
    return failure.exitCode;
  }
}

function performOn<Request extends CommandRequest>(
  performance: Performance<Request>,
  context: CommandContext,
  outputs: Outputs,
  onReady: (sandbox: Sandbox) => void,
): Promise<Outcome> {
  return prepare(performance, context, async ({ request, obtain, settle }) => {
    const outcome = await execute(request, {
      io: context.io,
      outputs,
      timeoutMs: request.policy.timeoutMs,
      obtain,
      onReady(sandbox) {
        settle();
        onReady(sandbox);
      },
    });
    return { ...outcome, warnings: [...outcome.warnings, ...((await performance.advice) ?? [])] };
  });
}

/** A request, and how to come by its sandbox. */
export interface Prepared<Request extends CommandRequest> {
  readonly request: Request;
  obtain(signal: AbortSignal): Promise<Sandbox>;
  /** The sandbox is there: takes away what was shown of the way to it. */
  settle(): void;
}

/** Makes a request of the words, and lets go of everything however `use` ends. */
export async function prepare<Request extends CommandRequest, T>(
  performance: Performance<Request>,
  context: CommandContext,
  use: (prepared: Prepared<Request>) => Promise<T>,
): Promise<T> {
  const core = await import('@sandbox/core');
  const { io } = context;
  const request = performance.toRequest({ ...core, controls: core.CONTROLS, cwd: io.cwd, env: io.env });
  const config = await loadSettings(context, performance.flags.config);
  // Where all are looked at, one that is not known is told as well.
  if (performance.runtimes === 'any') await findEntries(context, config, request.runtime);
  const caller = callerOf(context, performance.flags);
  // Adapters that will not be used are not loaded.
  const asked = () => request.runtime ?? config.settingsFor(caller).runtime;
  const runtime = performance.runtimes === 'any' ? undefined : asked();
  const sandboxes = await openSandboxes(context, { runtime, config });
  const progress = progressDisplay(io.stderr, request.json ? 'nothing' : 'lines');
  const onProgress: OnImageProgress = (step) => progress.show(step);
  try {
    return await use({
      request,
      obtain: (signal) => performance.obtain(sandboxes, request, { ...caller, signal, onProgress }),
      settle: () => progress.clear(),
    });
  } finally {
    progress.clear();
    // How the command went is known; that its sandbox could not be removed, if so, has been told.
    await sandboxes.close().catch(() => {});
  }
}
