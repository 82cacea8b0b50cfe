// Opens a task as a program with the library does, writes into its project's volume, and holds it until it is killed.
import { createSandboxes } from '@sandbox/core';
import { loadAdapter } from './runtimes.ts';

const [runtime = '', project = '', task = ''] = process.argv.slice(2);
const sandboxes = createSandboxes({
  adapter: await loadAdapter(runtime),
  scope: process.env.SANDBOX_SCOPE ?? '',
  tools: false,
});
const box = await sandboxes.open({ project, task, user: process.env.SANDBOX_USER });
await box.shell`echo here > made`;
console.log(box.name);
process.stdin.resume();
