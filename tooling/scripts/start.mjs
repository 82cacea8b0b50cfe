// `npm start`: from a fresh checkout to a first command in a sandbox. Needs Node 20 and npm, and nothing installed.
import { relative } from 'node:path';
import { handleSignals, Interrupted, run } from './src/run.mjs';
import { bold, dim, StepFailed } from './src/steps.mjs';
import { bringUp, build, checkHostNode, ensureGo, install, node, root } from './src/workspace.mjs';

/** Without an engine or an image, the first is here within seconds; an engine that is here already is as good. */
const candidates = ['nsjail', 'docker', 'podman'];
const command = 'echo "Hello from $(uname -s), as user $(id -u), in $(pwd)"';

async function main() {
  checkHostNode();
  const env = await install();
  await ensureGo(env);
  await build(env);
  const [found] = await bringUp(env, ['--one', ...candidates]);
  if (found === undefined) throw new StepFailed('no runtime was brought up');
  console.log(dim(`  ${found.runtime} ${found.status.version} at ${found.status.endpoint}`));
  for (const [name, outcome] of Object.entries(found.images)) console.log(dim(`  image ${name}: ${outcome}`));

  // Fetched for this checkout, and on nobody's PATH.
  const where = found.runtime === 'nsjail' ? { NSJAIL_PATH: String(found.status.endpoint) } : {};
  const path = relative(process.env.INIT_CWD ?? process.cwd(), `${root}/apps/sandbox/bin/sandbox.js`);
  const words = [...Object.entries(where).map((entry) => entry.join('=')), 'node', path];
  const program = words.map(quoted).join(' ');
  const first = ['run', '--runtime', found.runtime, '--', 'sh', '-c', command];
  console.log(
    `\n${bold('A first command in a sandbox')}\n${dim(`$ ${program} ${first.map(quoted).join(' ')}`)}`,
  );
  const startedAt = performance.now();
  const app = [node, 'apps/sandbox/bin/sandbox.js'];
  const options = { cwd: root, env: { ...env, ...where } };
  const { exitCode } = await run([...app, ...first], { ...options, capture: 'none' });
  const milliseconds = (performance.now() - startedAt).toFixed(0);
  console.log(dim(`exit code ${exitCode}, ${milliseconds} ms from the start of the program to its end`));
  if (exitCode !== 0) throw new StepFailed('the first command failed');

  const doctor = await run([...app, 'doctor', '--json', '--runtime', found.runtime], {
    ...options,
    capture: 'stdout',
  });
  const shown = `sh -c 'echo out; echo err >&2; exit 7'`;
  const limits = memoryIsEnforced(doctor.stdout) ? '--memory 256m --timeout 10s' : '--timeout 10s';
  console.log(`
${bold('Next')}
  ${program} run --runtime ${found.runtime} -- ${shown}
  ${program} run --runtime ${found.runtime} ${limits} -- cat /etc/os-release
  ${program} doctor`);
  if (found.started)
    console.log(
      dim(`\n${found.runtime} was started for this and runs on; to stop it: npm run testbed -- down`),
    );
}

/**
 * An ordinary user may have no cgroup, and a limit that cannot be enforced is refused.
 *
 * @param {string} diagnoses
 */
function memoryIsEnforced(diagnoses) {
  const [diagnosis] = JSON.parse(diagnoses);
  return diagnosis.capabilities.controls.memory.support === 'enforced';
}

/** @param {string} word */
function quoted(word) {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

handleSignals();
try {
  await main();
} catch (error) {
  if (error instanceof StepFailed) console.error(`${error.output}\n${error.message}`.trim());
  else if (!(error instanceof Interrupted)) console.error(error);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}
