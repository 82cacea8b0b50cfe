import type { CommandResult, ExecResult } from '../command/types.ts';
import type { EnforcementReport } from '../policy/policy.ts';
import type { Sandbox } from './types.ts';

/** A command and its sandbox as one flat object: what `sandbox run --json` prints and the service answers. Its keys are public: they stay, and are all there whatever happened. */
export interface CommandReport {
  readonly runtime: string | null;
  /** Why this one. */
  readonly runtimeReason: string | null;
  readonly sandbox: string | null;
  readonly command: readonly string[];
  readonly ending: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  readonly durationMs: number | null;
  readonly usage: { readonly cpuMs: number; readonly peakMemoryBytes: number } | null;
  readonly enforcement: EnforcementReport;
  readonly warnings: readonly string[];
  /** Only there when the sandbox failed, or was asked for wrongly. */
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string | null };
}

/** What is told of the sandbox that a command ran in. */
export type ReportedSandbox = Pick<Sandbox, 'name' | 'runtime' | 'runtimeReason' | 'enforcement'>;
export type ReportedOutput = Pick<ExecResult, 'stdout' | 'stderr' | 'stdoutTruncated' | 'stderrTruncated'>;

/** Pure. `warnings` are all that there are: the sandbox's, the command's, and those of what came after. */
export function commandReport(
  command: readonly string[],
  sandbox: ReportedSandbox,
  { result, output, warnings }: CommandOutcome,
): CommandReport {
  return {
    runtime: sandbox.runtime,
    runtimeReason: sandbox.runtimeReason,
    sandbox: sandbox.name,
    command,
    ending: result.ending,
    exitCode: result.exitCode,
    signal: result.signal,
    stdout: output.stdout,
    stderr: output.stderr,
    stdoutTruncated: output.stdoutTruncated,
    stderrTruncated: output.stderrTruncated,
    durationMs: result.durationMs,
    usage: result.usage,
    enforcement: sandbox.enforcement,
    warnings,
  };
}

export interface CommandOutcome {
  readonly result: CommandResult;
  readonly output: ReportedOutput;
  readonly warnings: readonly string[];
}
