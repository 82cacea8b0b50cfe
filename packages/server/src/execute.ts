import { posix } from 'node:path';
import type { CodeWarning } from '@sandbox/code-checks';
import { commandReport, GUEST_SCRATCH } from '@sandbox/core';
import type { Box } from './box.ts';
import type { CheckCode } from './code-warnings.ts';
import { warningsOf, withCodeWarnings } from './code-warnings.ts';
import { guestPath, newFile } from './files.ts';
import type { Life } from './life.ts';
import { HttpError } from './problem.ts';
import type { ExecuteRequest, Result } from './schemas.ts';

export interface Execution {
  readonly life: Life;
  readonly request: ExecuteRequest;
  readonly checkCode: CheckCode | null;
  /** Ends the command. */
  readonly signal: AbortSignal;
  /** Between SIGTERM and SIGKILL for a command that is to end. */
  readonly graceMs: number;
  readonly onStdout?: ((chunk: Uint8Array) => Promise<void>) | undefined;
  readonly onStderr?: ((chunk: Uint8Array) => Promise<void>) | undefined;
}

/** One command in a sandbox, which is removed afterwards unless it is kept. */
export async function execute(box: Box, execution: Execution): Promise<Result> {
  const { life, signal } = execution;
  const plan = planOf(box, execution.request);
  // While it runs: it waits for no advice.
  const found = foundIn(box, plan, execution);
  let result: Result;
  try {
    const ran = await life.use(box, signal, (ended) => run(box, plan, { ...execution, signal: ended }));
    result = withCodeWarnings(ran, await found);
  } catch (error) {
    // A sandbox that is lost is good for nothing more.
    if (box.ephemeral && isLost(error)) await life.remove(box).catch(() => {});
    throw error;
  }
  box.lastResult = result;
  if (box.kept && !(box.ephemeral && result.ending === 'lost')) return result;
  return withWarning(result, await removal(life, box));
}

/** Before what was found in the code is added. */
type Ran = Omit<Result, 'codeWarnings'>;

/** What is run, and what is written before. */
interface Plan {
  readonly code: string | undefined;
  readonly command: readonly string[];
  readonly cwd: string | undefined;
  /** What the language wants, which a request's goes over. */
  readonly env: Readonly<Record<string, string>> | undefined;
}

function planOf(box: Box, { code, command, args = [], cwd }: ExecuteRequest): Plan {
  const { language, sandbox, code: given } = box.facts;
  if (code !== undefined && command !== undefined)
    throw new HttpError('INVALID_ARGUMENT', 'code and command exclude each other');
  const where = cwd === undefined ? undefined : guestPath(sandbox, cwd);
  const env = language?.env;
  if (command !== undefined)
    return { code: undefined, command: [command, ...args], cwd: where ?? home(box), env };
  const snippet = code ?? given;
  if (snippet === undefined) {
    throw new HttpError('INVALID_ARGUMENT', 'there is nothing to run', {
      hint: 'Give `code`, or `command` with `args`; or create the sandbox with code.',
    });
  }
  if (language === null)
    throw new HttpError('FAILED_PRECONDITION', `which language ${box.id} is for is not known any more`);
  // By its whole path for who starts elsewhere.
  const file = where === undefined ? language.fileName : posix.join(GUEST_SCRATCH, language.fileName);
  return { code: snippet, command: language.command(file, args), cwd: where ?? home(box), env };
}

/** Of the code of the creation it is known. */
async function foundIn(
  { facts }: Box,
  { code }: Plan,
  { request, checkCode, signal }: Execution,
): Promise<readonly CodeWarning[]> {
  if (code === undefined) return [];
  if (request.code === undefined) return facts.codeWarnings ?? [];
  return warningsOf(checkCode, facts.language, code, signal);
}

/** Snippets and commands start in `/sandbox`; undefined: they do so by themselves. */
function home({ facts }: Box): string | undefined {
  return facts.sandbox.workdir === GUEST_SCRATCH ? undefined : GUEST_SCRATCH;
}

async function run(box: Box, plan: Plan, execution: Execution): Promise<Ran> {
  const { code } = plan;
  if (code === undefined) return runCommand(box, plan, execution);
  return box.inTurn(async () => {
    const { sandbox, language } = box.facts;
    const { path, content } = newFile({ path: language?.fileName ?? '', content: code });
    await sandbox.files.write(guestPath(sandbox, path), content, { signal: execution.signal });
    return runCommand(box, plan, execution);
  });
}

async function runCommand(box: Box, { command, cwd, env }: Plan, execution: Execution): Promise<Ran> {
  const { request, signal, graceMs, onStdout, onStderr } = execution;
  const { sandbox, language } = box.facts;
  const { stdin, timeoutMs } = request;
  const result = await sandbox.exec(command, {
    ...{ cwd, stdin, env: { ...env, ...request.env }, timeoutMs, signal, graceMs, onStdout, onStderr },
    purpose: box.purpose,
  });
  const warnings = [...new Set([...sandbox.warnings, ...result.warnings])];
  const { runtime, runtimeReason, ...report } = commandReport(command, sandbox, {
    ...{ result, output: result, warnings },
  });
  // Over HTTP `runtime` is the language.
  const words = { runtime: language?.id ?? 'unknown', adapter: runtime, adapterReason: runtimeReason };
  return { ...words, ...report } as Ran;
}

/** Why it is still there, if it is. */
async function removal(life: Life, box: Box): Promise<string | undefined> {
  try {
    await life.remove(box);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `the sandbox ${box.id} could not be removed (${why}); this is tried again`;
  }
}

function withWarning(result: Result, warning: string | undefined): Result {
  return warning === undefined ? result : { ...result, warnings: [...result.warnings, warning] };
}

function isLost(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'UNAVAILABLE';
}
