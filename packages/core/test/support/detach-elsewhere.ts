import { createSandboxes } from '../../src/index.ts';
import { createPlainAdapter } from './plain-adapter.ts';

// Starts a detached command, tells its id, and stays until it is killed.
const [directory, workspace = '', script = ''] = process.argv.slice(2);
const sandboxes = createSandboxes({ adapter: createPlainAdapter({ directory }) });
const box = await sandboxes.open({ workspace, policy: { workspaceAccess: 'none' } });
const { id } = await box.spawn(['sh', '-c', script], { detached: true });
process.stdout.write(`${id}\n`);
setInterval(() => {}, 1_000);
