// Makes two sandboxes with strays in them, says so, and waits to be killed. Run by faults.ts.
import type { RuntimeAdapter } from '@sandbox/core';
import { type JailRuntime, take } from './jail-runtime.ts';
import { specOf } from './jails.ts';

const [runtime = '', module = '', factory = '', mark = '', longLived = '', ephemeral = ''] =
  process.argv.slice(2);
const { [factory]: createAdapter } = (await import(module)) as Record<string, () => RuntimeAdapter>;
if (createAdapter === undefined) throw new Error(`${module} has no ${factory}`);
take({ runtime, module, factory, createAdapter } as JailRuntime);
const adapter = createAdapter();
// A program that takes back the signal that it is to get when its jail's maker dies.
const takeBack = 'perl -e "syscall(157, 1, 0, 0, 0, 0)" 2>/dev/null';
const script = `${takeBack}; (setsid sleep ${mark}.1 >/dev/null 2>&1 </dev/null &); exec sleep ${mark}.2`;

await adapter.create(specOf(['/bin/sh'], { name: longLived, lifecycle: 'long-lived' }));
await adapter.start(longLived);
await adapter.exec(longLived, { argv: ['/bin/sh', '-c', `echo kept > kept.txt; ${script}`] });
await adapter.create(specOf(['/bin/sh', '-c', script], { name: ephemeral }));
await adapter.start(ephemeral, { attach: true });
console.log('up');
