// Makes a sandbox and dies before it is started: what a kill -9 at the worst moment leaves.
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { createSandboxes } from '@sandbox/core';

const scope = process.env.SANDBOX_SCOPE;
const sandboxes = createSandboxes({ adapter: createDockerAdapter(), ...(scope && { scope }) });
await sandboxes.create({ start: false });
process.kill(process.pid, 'SIGKILL');
