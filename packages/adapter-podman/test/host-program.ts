import { createPodmanAdapter } from '@sandbox/adapter-podman';
import { openSession } from '@sandbox/guest';
import { sandboxSpec } from './podman-here.ts';

// A user's program, run as a process of its own by the tests: it prints where Podman answers and a name, and closes nothing.
const [mode] = process.argv.slice(2);
const adapter = createPodmanAdapter({ service: 'private' });
const { endpoint } = await adapter.probe();
const spec = sandboxSpec({ network: mode === 'network' ? 'full' : 'none' });
await adapter.create(spec);
const session = await openSession(await adapter.start(spec.name, { attach: true }));
if (mode !== 'idle') session.exec({ argv: ['sleep', '1000'] });
console.log(`${endpoint} ${spec.name}`);
