import { createSandboxes } from '../../src/index.ts';
import { createPlainAdapter } from './plain-adapter.ts';

const [directory, project = '', task = '', keep] = process.argv.slice(2);
const sandboxes = createSandboxes({ adapter: createPlainAdapter({ directory }) });
const policy = { bestEffort: ['read-only-root'] } as const;
const box = await sandboxes.open({ project, task, keep: keep === 'keep', policy });
await box.exec(['sh', '-c', 'echo here > made']);
console.log(box.name);
// Until it is killed.
process.stdin.resume();
