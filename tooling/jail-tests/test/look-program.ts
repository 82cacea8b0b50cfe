// Says which sandboxes it sees. Run by faults.ts, as a program that shares a state directory with others.
import type { RuntimeAdapter } from '@sandbox/core';

const [module = '', factory = '', stateDirectory = '', times = '1'] = process.argv.slice(2);
const { [factory]: createAdapter } = (await import(module)) as Record<
  string,
  (options: { stateDirectory: string }) => RuntimeAdapter
>;
if (createAdapter === undefined) throw new Error(`${module} has no ${factory}`);
for (let time = 0; time < Number(times); time += 1) {
  // A new one looks for what programs have left behind, too.
  const adapter = createAdapter({ stateDirectory });
  console.log(JSON.stringify((await adapter.list()).map(({ name, sessions }) => ({ name, sessions }))));
  await adapter.close();
}
