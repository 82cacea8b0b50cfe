import { openSession } from '@sandbox/guest';
import { appleContainerForTests, sandboxSpec } from './apple-container-here.ts';

// A user's program, run as a process of its own by the tests: it prints a name, and closes nothing.
const adapter = appleContainerForTests();
const spec = sandboxSpec();
await adapter.create(spec);
const session = await openSession(await adapter.start(spec.name, { attach: true }));
if (process.argv[2] === 'session') session.exec({ argv: ['sleep', '1000'] });
console.log(spec.name);
