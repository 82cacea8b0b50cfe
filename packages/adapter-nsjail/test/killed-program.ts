// Makes two sandboxes with strays in them, says so, and waits to be killed. Run by faults.test.ts.
import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import { specOf } from './jails.ts';

const [mark = '', longLived = '', ephemeral = ''] = process.argv.slice(2);
const adapter = createNsjailAdapter();
// A program that takes back the signal that it is to get when nsjail dies.
const takeBack = 'perl -e "syscall(157, 1, 0, 0, 0, 0)" 2>/dev/null';
const script = `${takeBack}; (setsid sleep ${mark}.1 >/dev/null 2>&1 </dev/null &); exec sleep ${mark}.2`;

await adapter.create(specOf(['/bin/sh'], { name: longLived, lifecycle: 'long-lived' }));
await adapter.start(longLived);
await adapter.exec(longLived, { argv: ['/bin/sh', '-c', `echo kept > kept.txt; ${script}`] });
await adapter.create(specOf(['/bin/sh', '-c', script], { name: ephemeral }));
await adapter.start(ephemeral, { attach: true });
console.log('up');
