// Runs other programs for `npm start` and `npm test`. Starts on Node 20 with nothing installed: node built-ins only.
import { spawn } from 'node:child_process';

/** @type {Set<() => void>} */
const enders = new Set();
let interruptedBy = /** @type {NodeJS.Signals | undefined} */ (undefined);

/** Thrown once a signal has come in and what ran then has ended. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[/** @type {'SIGINT'} */ (signal)];
  }
}

/** From here on Ctrl-C and the like end what runs, and the rest of this program may still tidy up. */
export function handleSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      interruptedBy ??= signal;
      for (const end of enders) end();
    });
  }
}

/** Takes back an interruption, so that tidying up can run programs. */
export function resumeForCleanup() {
  interruptedBy = undefined;
}

/**
 * @typedef {object} RunOptions
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [cwd]
 * @property {'collect' | 'stdout' | 'none'} [capture] what is collected instead of shown: all output (the default),
 *   stdout alone, or nothing
 *
 * @typedef {object} RunResult
 * @property {number} exitCode
 * @property {string} stdout
 * @property {string} output stdout and stderr in one, as they came
 */

/**
 * Runs a program with exactly these arguments, no shell. What collects all its output is put in a process group of
 * its own, so that its whole tree can be ended; what is shown stays in the terminal's.
 *
 * @param {readonly string[]} argv
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export async function run(argv, { env = process.env, cwd, capture = 'collect' } = {}) {
  if (interruptedBy) throw new Interrupted(interruptedBy);
  const [program = '', ...args] = argv;
  const detached = capture === 'collect';
  const child = spawn(program, args, {
    env,
    cwd,
    detached,
    stdio: [
      detached ? 'ignore' : 'inherit',
      capture === 'none' ? 'inherit' : 'pipe',
      detached ? 'pipe' : 'inherit',
    ],
  });

  /** @param {NodeJS.Signals} signal */
  const signalTree = (signal) => {
    try {
      if (detached && child.pid !== undefined) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // Gone already.
    }
  };
  /** @type {NodeJS.Timeout | undefined} */
  let impatience;
  const end = () => {
    signalTree('SIGTERM');
    impatience ??= setTimeout(() => signalTree('SIGKILL'), 20_000);
  };
  enders.add(end);

  /** @type {Buffer[]} */
  const output = [];
  /** @type {Buffer[]} */
  const stdout = [];
  child.stdout?.on('data', (chunk) => {
    output.push(chunk);
    stdout.push(chunk);
  });
  child.stderr?.on('data', (chunk) => output.push(chunk));

  try {
    const exitCode = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => {
        // What it left behind may hold its output open for ever.
        setTimeout(() => resolve(code ?? -1), 1_000).unref();
        child.on('close', () => resolve(code ?? -1));
      });
    });
    if (interruptedBy) throw new Interrupted(interruptedBy);
    return {
      exitCode,
      stdout: Buffer.concat(stdout).toString(),
      output: Buffer.concat(output).toString(),
    };
  } finally {
    enders.delete(end);
    clearTimeout(impatience);
    if (detached) signalTree('SIGKILL');
  }
}
