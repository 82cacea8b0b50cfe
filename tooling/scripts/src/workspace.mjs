// Installs and builds the checkout. Starts on Node 20 with nothing installed: node built-ins only.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run.mjs';
import { colour, StepFailed, step } from './steps.mjs';

export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const bin = join(root, 'node_modules', '.bin');

/** The checkout's own Node: the newest line that is supported. */
export const node = join(root, 'node_modules', 'node', 'bin', 'node');
/** The oldest one. */
export const oldestNode = join(root, 'tooling', 'node-22', 'node_modules', 'node', 'bin', 'node');
export const testbed = [node, join(root, 'tooling', 'testbed', 'bin', 'testbed.mjs')];

export function checkHostNode() {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major < 20)
    throw new StepFailed(`Node 20 or later is needed to begin with; this is ${process.version}.`);
}

/**
 * Runs a program that has nothing to say unless it fails.
 *
 * @param {readonly string[]} argv
 * @param {import('./run.mjs').RunOptions} [options]
 */
export async function mustRun(argv, options) {
  const result = await run(argv, { cwd: root, ...options });
  if (result.exitCode !== 0)
    throw new StepFailed(`${argv.join(' ')}: exit code ${result.exitCode}`, result.output);
  return result;
}

/**
 * Installs what the lock file names, with the pnpm that package.json names.
 *
 * @returns {Promise<NodeJS.ProcessEnv>} the environment for everything after: the checkout's own programs first
 */
export async function install() {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  let environment = { ...process.env };
  await step('install', async () => {
    // npm keeps it in a cache of its own, and puts it first on the PATH of what it runs.
    const npx = ['npm', 'exec', '--yes', `--package=${packageManager}`, '--'];
    const found = await mustRun([...npx, 'node', '-p', 'process.env.PATH']);
    const directory = found.stdout
      .trim()
      .split(delimiter)
      .find((path) => path !== bin && existsSync(join(path, 'pnpm')));
    if (directory === undefined) throw new StepFailed(`npm did not bring ${packageManager}`, found.output);
    environment = workspaceEnvironment(directory);
    await mustRun(['pnpm', 'install', '--frozen-lockfile', '--config.confirm-modules-purge=false'], {
      env: environment,
    });
  });
  return environment;
}

/** @param {string} pnpmDirectory @returns {NodeJS.ProcessEnv} */
function workspaceEnvironment(pnpmDirectory) {
  const inherited = (process.env.PATH ?? '')
    .split(delimiter)
    // npm puts the node_modules/.bin of every directory above in front of its scripts' PATH.
    .filter((path) => path !== '' && path !== bin && path !== pnpmDirectory);
  /** @type {NodeJS.ProcessEnv} */
  const environment = {
    ...process.env,
    PATH: [bin, pnpmDirectory, ...inherited].join(delimiter),
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    DO_NOT_TRACK: '1',
  };
  if (!colour) {
    // Some tools take CI for a terminal.
    environment.NO_COLOR = '1';
    delete environment.FORCE_COLOR;
  }
  // Left over from npm, these would tell tools in other directories that they are in this one.
  for (const name of Object.keys(environment)) if (/^(npm_|INIT_CWD$)/.test(name)) delete environment[name];
  return environment;
}

/**
 * Go is needed for the agent alone, and named before it is installed.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export async function ensureGo(env) {
  await step(
    'go',
    async () => {
      const { exitCode, stdout } = await run([...testbed, 'go'], { cwd: root, env, capture: 'stdout' });
      if (exitCode !== 0) throw new StepFailed('the agent cannot be built without Go');
      return stdout.trim();
    },
    { quiet: true },
  );
}

/**
 * For tests alone, and named before it is installed.
 *
 * @param {NodeJS.ProcessEnv} env
 */
export async function ensurePython(env) {
  await step(
    'python',
    async () => {
      const { exitCode, stdout } = await run([...testbed, 'python'], { cwd: root, env, capture: 'stdout' });
      if (exitCode !== 0) throw new StepFailed('the service cannot be tried from another language');
      return stdout.trim();
    },
    { quiet: true },
  );
}

/** @param {NodeJS.ProcessEnv} env */
export async function build(env) {
  await step('build', async () => {
    const { output } = await mustRun(['turbo', 'run', 'build', '--output-logs=errors-only'], { env });
    return /FULL TURBO/.test(output) ? 'nothing has changed' : undefined;
  });
}

/**
 * @typedef {object} BroughtUp
 * @property {string} runtime
 * @property {{ version: string, endpoint: string }} status
 * @property {boolean} started
 * @property {Record<string, string>} images
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} args
 * @returns {Promise<BroughtUp[]>}
 */
export async function bringUp(env, args) {
  /** @type {BroughtUp[]} */
  let results = [];
  await step(
    'testbed',
    async () => {
      const { exitCode, stdout } = await run([...testbed, 'up', '--json', ...args], {
        cwd: root,
        env,
        capture: 'stdout',
      });
      if (exitCode !== 0) throw new StepFailed('the testbed could not be brought up');
      results = JSON.parse(stdout);
      return results
        .map(
          ({ runtime, status, started }) => `${runtime} ${status.version}${started ? ', started now' : ''}`,
        )
        .join('; ');
    },
    { quiet: true },
  );
  return results;
}
