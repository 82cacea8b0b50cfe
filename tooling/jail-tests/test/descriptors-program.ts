// Runs a jail that prints its open descriptors. Run by faults.ts, with one that is left open for children.
import type { RuntimeAdapter } from '@sandbox/core';
import { type JailRuntime, take } from './jail-runtime.ts';
import { runScript } from './jails.ts';

const [runtime = '', module = '', factory = ''] = process.argv.slice(2);
const { [factory]: createAdapter } = (await import(module)) as Record<string, () => RuntimeAdapter>;
if (createAdapter === undefined) throw new Error(`${module} has no ${factory}`);
take({ runtime, module, factory, createAdapter } as JailRuntime);
console.log((await runScript(createAdapter(), 'ls -l /proc/self/fd')).stdout);
