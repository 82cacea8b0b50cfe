import { CommandError } from '../command/command-error.ts';
import { prepareExec } from '../command/exec.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { createEphemeral } from '../launch/ephemeral.ts';
import { unlessFailed } from '../monitoring/observer.ts';
import type { SandboxHandle } from '../sandbox/sandbox-handle.ts';
import type { RunOptions, RunResult } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import { subjectOf } from './subject.ts';

/** One command in a sandbox of its own, which is gone when this settles, however it settles. */
export async function runOnce(
  services: Services,
  command: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const handle = await unlessFailed(
    services.observer,
    'run',
    () => ({ ...subjectOf(services, options), argv: command, env: options.env ?? null }),
    () => prepare(services, command, options),
    options.signal,
  );
  let result: RunResult;
  try {
    result = await execute(handle, command, options);
  } catch (error) {
    await handle.remove().catch(() => {});
    throw error;
  }
  const leftover = await removed(handle);
  const warnings = [...handle.warnings, ...result.warnings, ...leftover];
  result = { ...result, warnings };
  if (options.check && result.exitCode !== 0) {
    throw new CommandError(result, { operation: 'run', runtime: handle.runtime, sandbox: handle.name });
  }
  return result;
}

async function prepare(
  services: Services,
  command: readonly string[],
  options: RunOptions,
): Promise<SandboxHandle> {
  // A wrong argument is found before anything is made.
  prepareExec(command, options, { runtime: options.runtime ?? '', sandbox: '', timeoutMs: null });
  return createEphemeral(services, { options, start: true, policy: { timeoutMs: options.timeoutMs } });
}

async function execute(
  handle: SandboxHandle,
  command: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const { cwd, env, stdin, graceMs, signal, maxOutputBytes, onOutputLimit, onStdout, onStderr } = options;
  const result = await handle.execAs('run', command, {
    ...{ cwd, env, stdin, graceMs, signal, maxOutputBytes, onOutputLimit, onStdout, onStderr },
  });
  return { ...result, runtime: handle.runtime, sandbox: handle.name, enforcement: handle.enforcement };
}

/** The command has a result by now: what is left behind is told with it, and cleanup finds it by its record. */
async function removed(handle: SandboxHandle): Promise<readonly string[]> {
  try {
    await handle.remove();
    return [];
  } catch (error) {
    const why = SandboxError.is(error) ? error.message : String(error);
    return [`the sandbox ${handle.name} could not be removed (${why}); \`sandbox cleanup\` tries again`];
  }
}
