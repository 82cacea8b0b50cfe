// `npm test`: everything, from a fresh checkout. Needs Node 20 and npm, and nothing installed.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { handleSignals, Interrupted, resumeForCleanup, run } from './src/run.mjs';
import { dim, StepFailed, step } from './src/steps.mjs';
import { inWords, readGo, readVitest, sum } from './src/test-results.mjs';
import {
  bringUp,
  build,
  checkHostNode,
  ensureGo,
  ensurePython,
  install,
  mustRun,
  node,
  oldestNode,
  root,
  testbed,
} from './src/workspace.mjs';

const inCi = !['', '0', 'false', undefined].includes(process.env.CI);
const scope = `test-${randomBytes(6).toString('hex')}`;
const directory = mkdtempSync(join(tmpdir(), 'sandbox-test-'));

/** Test files at a time. vitest by itself leaves one processor free. */
const WORKERS = availableParallelism();

/** @type {import('./src/test-results.mjs').Counts[]} */
const counts = [];
/** @type {Map<string, number>} */
const skippedIn = new Map();
/** What tests write is theirs alone: nothing of the user's is read or touched. */
const own = {
  SANDBOX_SCOPE: scope,
  SANDBOX_STATE_DIR: join(directory, 'state', 'sandbox'),
  XDG_STATE_HOME: join(directory, 'state'),
  // Tests start thousands of programs in Node, most of them the same ones.
  NODE_COMPILE_CACHE: join(directory, 'compile-cache'),
};
/** Runtimes that the testbed had started before this run; undefined until it has come to that. */
let startedBefore = /** @type {Set<string> | undefined} */ (undefined);

/** @param {NodeJS.ProcessEnv} env */
async function checks(env) {
  const script = (/** @type {string} */ name) => join(root, 'tooling', 'scripts', 'src', name);
  await step('lint', async () => void (await mustRun(['biome', 'check', '.'], { env })));
  await step(
    'types',
    async () => void (await mustRun(['tsc', '-p', 'tooling/tsconfig/check.json'], { env })),
  );
  await step('imports', async () => void (await mustRun([node, script('check-imports.ts')], { env })));
  const report = join(root, 'tooling', 'api', 'src', 'report.ts');
  await step('public API', async () => void (await mustRun([node, report, '--check'], { env })));
}

/**
 * @param {string} label
 * @param {string} nodeProgram
 * @param {'unit' | 'integration'} project
 * @param {NodeJS.ProcessEnv} env
 */
async function vitest(label, nodeProgram, project, env) {
  await step(label, async () => {
    const file = join(directory, `${project}.json`);
    rmSync(file, { force: true });
    const program = [nodeProgram, join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run'];
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const workers = `--maxWorkers=${WORKERS}`;
    const result = await run([...program, '--project', project, workers, ...reporters], { cwd: root, env });
    const found = existsSync(file) ? readVitest(readFileSync(file, 'utf8')) : undefined;
    if (found !== undefined) {
      counts.push(found);
      for (const [name, count] of found.skippedIn) skippedIn.set(relative(root, name), count);
    }
    if (result.exitCode !== 0 || found === undefined)
      throw new StepFailed(`${label}: exit code ${result.exitCode}`, result.output);
    return inWords(found);
  });
}

/** @param {NodeJS.ProcessEnv} inherited */
async function goTests(inherited) {
  const cwd = join(root, 'packages', 'guest', 'agent');
  // The agent is built without C, and a machine with Go need not have a C compiler.
  const env = { ...inherited, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '' };
  await step('go vet', async () => void (await mustRun(['go', 'vet', './...'], { cwd, env })));
  await step('go fmt', async () => {
    const { stdout } = await mustRun(['gofmt', '-l', '.'], { cwd, env });
    if (stdout !== '') throw new StepFailed('these files are not formatted (gofmt -w .)', stdout);
  });
  await step('go test', async () => {
    const result = await run(['go', 'test', '-json', './...'], { cwd, env });
    const { text, ...found } = readGo(result.output);
    counts.push(found);
    if (result.exitCode !== 0) throw new StepFailed(`go test: exit code ${result.exitCode}`, text);
    return inWords(found);
  });
}

/**
 * What the tests left in an engine is a failure, and is removed.
 *
 * @param {NodeJS.ProcessEnv} env
 */
async function leftovers(env) {
  // Test files make scopes of their own out of it.
  const label = `dev.sandbox.scope=${scope}*`;
  // The testbed's own state is where it always is; sandboxes that are only directories are in the tests'.
  const { SANDBOX_STATE_DIR } = own;
  const { exitCode, output } = await run([...testbed, 'leftovers', '--remove', label], {
    cwd: root,
    env: { ...env, SANDBOX_STATE_DIR },
  });
  if (exitCode !== 0) throw new StepFailed('the tests left this behind (it has been removed)', output);
}

async function main() {
  checkHostNode();
  const env = await install();
  await ensureGo(env);
  await build(env);
  await checks(env);

  const testEnv = { ...env, ...own };
  await vitest('unit tests, Node 24', node, 'unit', testEnv);
  await vitest('unit tests, Node 22', oldestNode, 'unit', testEnv);
  await goTests(testEnv);

  const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/).filter(Boolean);
  startedBefore = await startedByTestbed();
  const results = await bringUp(env, named);
  await ensurePython(env);
  const runtimes = results.map(({ runtime }) => runtime).join(',');
  const nsjail = results.find(({ runtime }) => runtime === 'nsjail')?.status.endpoint;
  await vitest('integration tests', node, 'integration', {
    ...testEnv,
    SANDBOX_RUNTIMES: runtimes,
    // Fetched for this checkout, and on nobody's PATH.
    ...(nsjail && { NSJAIL_PATH: nsjail }),
  });
  await step('nothing left behind', () => leftovers(env));
}

async function startedByTestbed() {
  const { stdout } = await mustRun([...testbed, 'status', '--json'], { capture: 'stdout' });
  /** @type {{ runtimes: { runtime: string, startedByTestbed?: boolean }[] }} */
  const { runtimes } = JSON.parse(stdout);
  return new Set(runtimes.filter((found) => found.startedByTestbed).map(({ runtime }) => runtime));
}

async function tidyUp() {
  resumeForCleanup();
  try {
    await stopEngines();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function stopEngines() {
  if (startedBefore === undefined) return;
  const before = startedBefore;
  await leftovers(process.env).catch(() => {});
  const startedHere = [...(await startedByTestbed())].filter((runtime) => !before.has(runtime));
  if (startedHere.length === 0) return;
  if (inCi)
    await step('stopping what was started', async () => {
      await mustRun([...testbed, 'down', '--force', ...startedHere]);
    });
  else
    console.log(
      dim(
        `${startedHere.join(', ')} was started and runs on, for the next time; to stop it: npm run testbed -- down`,
      ),
    );
}

handleSignals();
try {
  await main();
  process.exitCode = 0;
} catch (error) {
  if (error instanceof StepFailed) console.error(`${error.output}\n${error.message}`.trim());
  else if (!(error instanceof Interrupted)) console.error(error);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}
try {
  await tidyUp();
} catch (error) {
  console.error(error instanceof StepFailed ? `${error.output}\n${error.message}` : error);
  process.exitCode ||= 1;
}

for (const [file, count] of skippedIn) console.log(dim(`skipped: ${count} in ${file}`));
const total = sum(counts);
// A step that is no test can fail as well.
if (process.exitCode !== 0 && total.failed === 0) total.failed = 1;
console.log(inWords(total));
if (total.failed > 0) process.exitCode ||= 1;
