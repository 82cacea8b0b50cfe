import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

export interface CommandOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Output goes to the end of this file instead of being returned; its last lines are in the error. */
  readonly logFile?: string;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs a program with exactly these arguments, no shell; stdout and stderr come back as one text. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const signals = [
    ...(options.signal === undefined ? [] : [options.signal]),
    ...(options.timeoutMs === undefined ? [] : [AbortSignal.timeout(options.timeoutMs)]),
  ];
  if (options.logFile !== undefined) await appendFile(options.logFile, `\n$ ${program} ${args.join(' ')}\n`);

  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    // A group of its own, so that what the program itself started goes with it.
    detached: true,
  });
  const abort = AbortSignal.any(signals);
  const onAbort = () => killGroup(child.pid);
  abort.addEventListener('abort', onAbort, { once: true });

  const chunks: Buffer[] = [];
  const collect = (chunk: Buffer) => chunks.push(chunk);
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  try {
    if (abort.aborted) onAbort();
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? -1));
    });
    abort.throwIfAborted();
    const output = Buffer.concat(chunks).toString();
    return { exitCode, output };
  } finally {
    abort.removeEventListener('abort', onAbort);
    if (options.logFile !== undefined) {
      const log = createWriteStream(options.logFile, { flags: 'a' });
      await pipeline(chunks, log);
    }
  }
}

/** As `runCommand`, but an exit code other than 0 is an error that shows what the program said last. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { exitCode, output } = await runCommand(program, args, options);
  if (exitCode === 0) return output;
  const log = options.logFile === undefined ? [] : [`The whole log is in ${options.logFile}`];
  throw new Error(
    [`${program} ${args.join(' ')}: exit code ${exitCode}`, lastLines(output, 30), ...log].join('\n'),
  );
}

export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // Gone already.
  }
}
