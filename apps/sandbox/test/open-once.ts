// Opens the sandbox of a workspace at the same moment as others do, and tells which one it got, and who was there first.
import { createSandboxes, createSqliteRegistry, registryFile } from '@sandbox/core';
import { loadAdapter } from './runtimes.ts';

const [runtime = '', workspace = ''] = process.argv.slice(2);
const registry = createSqliteRegistry({ file: registryFile(), onWarning: console.error });
const sandboxes = createSandboxes({
  ...{ adapter: await loadAdapter(runtime), registry, tools: false },
  scope: process.env.SANDBOX_SCOPE ?? '',
});
console.log('ready');
await new Promise((resolve) => process.stdin.once('data', resolve));
const box = await sandboxes.open({ workspace, user: 'ann', policy: { memoryBytes: 256 * 2 ** 20 } });
const first = await box.exec(['sh', '-c', `set -C; echo ${process.pid} > ~/first 2>/dev/null; cat ~/first`]);
console.log(box.name, first.stdout.trim());
await sandboxes.close();
process.exit(0);
