import { createSandboxes, type RuntimeAdapter } from '../../src/index.ts';
import { createPlainAdapter } from './plain-adapter.ts';

const [directory, workspace = '', how, scope, user] = process.argv.slice(2);
const plain = createPlainAdapter({ directory });
const adapter = {
  ...plain,
  inspect(...call: Parameters<RuntimeAdapter['inspect']>) {
    // One character for each look.
    process.stdout.write('.');
    return plain.inspect(...call);
  },
  ...(how === 'dies' && { start: async () => void process.kill(process.pid, 'SIGKILL') }),
} as RuntimeAdapter;
const sandboxes = createSandboxes({ adapter, ...(scope !== undefined && { scope }) });
const box = await sandboxes.open({ workspace, user, policy: { workspaceAccess: 'none' } });
process.exitCode = (await box.exec(['true'])).exitCode ?? 1;
// Without close(): nothing of ours keeps the program alive.
