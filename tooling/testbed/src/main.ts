import { parseArgs } from 'node:util';
import { allMissingPackages, bringUp, bringUpOne, imagesForTests } from './bring-up.ts';
import { ensureGo, findGo } from './go.ts';
import { asRoot, readHost } from './host.ts';
import { defaultImage, type ImageRecipe, moreImages } from './image-recipes.ts';
import { withLock } from './lock.ts';
import { createProgress } from './progress.ts';
import { ensurePython } from './python.ts';
import { type BringUpContext, SetupRefused, type TestbedRuntime } from './runtime.ts';
import { runtimes } from './runtimes.ts';

const help = `Brings up the real engines that the tests run on, and stops what it started.

Usage: testbed <command>

  up [RUNTIME…]      make these healthy (all, when none is named), with the images that the tests use
      --one          any one of them will do, with the default image only: one that has it
                     already, else the first that can be brought up
      --with IMAGE   and with this one: ${Object.keys(moreImages).join(', ')}; may be repeated
  down [RUNTIME…]    stop what \`up\` started, and nothing else
      --force        also while containers run in it that are not sandboxes
  status             what is there, changing nothing
  go                 make sure that \`go\` is on PATH, for building the agent
  python             make sure that \`python3\` is, for a client of the service in another language
  leftovers LABEL…   list what carries all of these labels (NAME=VALUE, NAME=PREFIX*); exit code 1 when there is any
      --remove       and remove it

  --json             the result as JSON on stdout, with up, down and status
  --help

A healthy engine that is already there is used, and nothing is installed. Otherwise, on Debian and as root, the
packages are named and then installed. SANDBOX_NO_INSTALL=1 stops there and says what to type.

Runtimes: ${runtimes.map(({ name }) => name).join(', ')}

Examples:
  testbed up docker
  testbed status --json
  SANDBOX_NO_INSTALL=1 testbed up`;

class UsageError extends Error {}

const interrupted = new AbortController();
const progress = createProgress();
const context: BringUpContext = { progress, signal: interrupted.signal };

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv);
  const [command, ...names] = positionals;
  if (values.help || command === undefined) {
    console.log(help);
    return values.help ? 0 : 2;
  }
  switch (command) {
    case 'up':
      return await locked(() => up(select(names), values));
    case 'down':
      return await locked(() => down(select(names), values));
    case 'status':
      return await status(select(names), values.json);
    case 'go':
      return await locked(async () => {
        const { version } = await ensureGo(context);
        console.log(`Go ${version}`);
        return 0;
      });
    case 'python':
      return await locked(async () => {
        const { version } = await ensurePython(context);
        console.log(`Python ${version}`);
        return 0;
      });
    case 'leftovers':
      return await leftovers(names, values.remove);
    default:
      throw new UsageError(`unknown command: ${command}`);
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        one: { type: 'boolean', default: false },
        with: { type: 'string', multiple: true, default: [] },
        force: { type: 'boolean', default: false },
        remove: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function select(names: readonly string[]): readonly TestbedRuntime[] {
  if (names.length === 0) return runtimes;
  return names.map((name) => {
    const runtime = runtimes.find((candidate) => candidate.name === name);
    if (runtime !== undefined) return runtime;
    throw new UsageError(`unknown runtime: ${name} (there are: ${runtimes.map((r) => r.name).join(', ')})`);
  });
}

const locked = (work: () => Promise<number>) => withLock(progress, interrupted.signal, work);

async function up(
  selected: readonly TestbedRuntime[],
  { one, json, with: names }: { one: boolean; json: boolean; with: readonly string[] },
): Promise<number> {
  const more = names.map(imageNamed);
  const results = [];
  if (one) results.push(await bringUpOne(selected, [defaultImage, ...more], context));
  else
    for (const runtime of selected)
      results.push(await bringUp(runtime, [...imagesForTests, ...more], context));

  if (json) console.log(JSON.stringify(results, null, 2));
  else
    for (const { runtime, status, images } of results) {
      console.log(`${runtime} ${status.version} at ${status.endpoint}`);
      for (const [name, outcome] of Object.entries(images)) console.log(`  ${name}: ${outcome}`);
    }
  return 0;
}

function imageNamed(name: string): ImageRecipe {
  const recipe = Object.hasOwn(moreImages, name) ? moreImages[name] : undefined;
  if (recipe !== undefined) return recipe;
  throw new UsageError(`there is no image ${name}: --with takes ${Object.keys(moreImages).join(', ')}`);
}

async function down(
  selected: readonly TestbedRuntime[],
  { force, json }: { force: boolean; json: boolean },
): Promise<number> {
  const results: Record<string, string> = {};
  for (const runtime of selected) {
    results[runtime.name] = await progress.step(`stopping ${runtime.name}`, () =>
      runtime.stop({ force, signal: interrupted.signal }),
    );
  }
  if (json) console.log(JSON.stringify(results, null, 2));
  else
    for (const [name, outcome] of Object.entries(results))
      console.log(`${name}: ${outcome.replaceAll('-', ' ')}`);
  return 0;
}

async function status(selected: readonly TestbedRuntime[], json: boolean): Promise<number> {
  const results = [];
  for (const runtime of selected) {
    const found = await runtime.detect();
    const images: Record<string, boolean> = {};
    if (found.state === 'healthy')
      for (const { name } of imagesForTests) images[name] = await runtime.hasImage(name);
    results.push({ runtime: runtime.name, ...found, images });
  }
  const go = await findGo();
  if (json) {
    console.log(JSON.stringify({ runtimes: results, go: go?.version ?? null }, null, 2));
    return 0;
  }
  for (const { runtime, state, version, endpoint, detail, remedy, startedByTestbed, images } of results) {
    const facts = [version, endpoint, startedByTestbed ? 'started by the testbed' : undefined, detail];
    console.log(`${runtime}: ${[state, ...facts].filter((fact) => fact !== undefined).join(', ')}`);
    for (const command of remedy ?? []) console.log(`  try: ${command}`);
    for (const [name, there] of Object.entries(images))
      console.log(`  ${name}: ${there ? 'present' : 'absent'}`);
  }
  console.log(`go: ${go?.version ?? 'absent'}`);
  return 0;
}

async function leftovers(labels: readonly string[], remove: boolean): Promise<number> {
  if (labels.length === 0) throw new UsageError('leftovers needs at least one label, as NAME=VALUE');
  const found: string[] = [];
  for (const runtime of runtimes) {
    if ((await runtime.detect()).state !== 'healthy') continue;
    const items = await runtime.findLabelled(labels, { remove });
    found.push(...items.map((item) => `${runtime.name} ${item}`));
  }
  for (const item of found) console.log(item);
  return found.length === 0 ? 0 : 1;
}

/** All that is missing in one line, so that nobody is sent to type three times. */
async function sayWhatToType({ commands, packages }: SetupRefused): Promise<void> {
  const host = readHost();
  const lines = [...commands];
  if (packages.length > 0) {
    const all = [...new Set([...packages, ...(await allMissingPackages(runtimes))])];
    lines.unshift(
      asRoot(host, 'apt-get update'),
      asRoot(host, `apt-get install --no-install-recommends -y ${all.join(' ')}`),
    );
  }
  if (lines.length > 0) console.error(`\nType:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const) {
  process.once(signal, () => {
    process.exitCode = 128 + number;
    interrupted.abort(new Error('interrupted'));
  });
}

try {
  const code = await main(process.argv.slice(2));
  process.exitCode ??= code;
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nSee: testbed --help`);
    process.exitCode = 2;
  } else {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof SetupRefused) await sayWhatToType(error);
    process.exitCode ??= 1;
  }
}
