// A program that makes, uses, stops and removes sandboxes, one thing after the other, until somebody kills it. What it does follows from the seed.
import {
  createSandboxes,
  createSqliteRegistry,
  type OpenOptions,
  registryFile,
  type Sandbox,
} from '@sandbox/core';
import { loadAdapter } from './runtimes.ts';

const [runtime = '', seed = '', precious = '', passing = '', idle = ''] = process.argv.slice(2);
const scope = process.env.SANDBOX_SCOPE ?? '';
const registry = createSqliteRegistry({ file: registryFile(), onWarning: fail });
const sandboxes = createSandboxes({ adapter: await loadAdapter(runtime), registry, scope, tools: false });

function fail(reason: unknown): never {
  console.log(`failed: ${reason instanceof Error ? reason.stack : reason}`);
  process.exit(1);
}

/** Mulberry32. */
let state = Number(seed);
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}

const policy = { memoryBytes: 128 * 2 ** 20 };
async function open(
  workspace: string,
  use: (box: Sandbox) => Promise<unknown>,
  options: Partial<OpenOptions> = {},
): Promise<void> {
  const user = workspace === idle ? 'idle' : 'ann';
  const box = await sandboxes.open({ workspace, policy, user, ...options });
  await use(box);
  await box.close();
}

const things: readonly (() => Promise<unknown>)[] = [
  () => open(precious, (box) => box.exec(['sh', '-c', 'cat ~/precious && date > ~/used'], { check: true })),
  () =>
    open(precious, (box) => box.exec(['cat', '/home/sandbox/precious'], { check: true }), { recreate: true }),
  () => open(passing, (box) => box.exec(['sh', '-c', 'date > ~/used'], { check: true })),
  () => open(passing, (box) => box.remove()),
  () => open(passing, (box) => box.stop({ graceMs: 0 })),
  () => open(idle, (box) => box.exec(['true'])),
  () => sandboxes.cleanup({ idleDays: 0, user: 'idle' }),
  () => sandboxes.run(['true'], { policy }),
  async () => {
    const box = await sandboxes.create({ policy });
    await box.exec(['true']);
    await box.remove();
  },
];

console.log('ready');
for (;;) await things[Math.floor(random() * things.length)]?.().catch(fail);
