import { createSandboxes } from '../../src/index.ts';
import { createPlainAdapter } from './plain-adapter.ts';

const [directory, workspace = ''] = process.argv.slice(2);
const sandboxes = createSandboxes({ adapter: createPlainAdapter({ directory }) });
const box = await sandboxes.open({ workspace, policy: { workspaceAccess: 'none' } });
process.exitCode = (await box.exec(['true'])).exitCode ?? 1;
// Without close(): nothing of ours keeps the program alive.
