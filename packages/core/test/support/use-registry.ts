// One of many programs that use a registry at the same time: waits for a line on stdin, so that all begin together, and prints what it was warned of.
import { once } from 'node:events';
import { createSqliteRegistry } from '../../src/registry/sqlite-registry.ts';

const [file = '', number = '', rounds = ''] = process.argv.slice(2);
const registry = createSqliteRegistry({ file, onWarning: (message) => console.log(message) });
console.log('ready');
await once(process.stdin, 'data');

const boot = (elapsedMs: number) => ({ bootId: 'b', elapsedMs });
const record = {
  ...({ runtime: 'docker', lifecycle: 'long-lived', workspace: '/w', user: number, trust: null } as const),
  ...{ instance: number, createdAt: new Date(0), lastUsedAt: new Date(0) },
};
for (let round = 1; round <= Number(rounds); round += 1) {
  const time = round * 1000 + Number(number);
  await registry.put({ ...record, name: `own-${number}-${round}` });
  await registry.put({ ...record, name: 'shared', lastUsedAt: new Date(time) });
  await registry.touch('shared', new Date(time + 100), boot(time));
  await registry.touch(`own-${number}-${round}`, new Date(time));
  await registry.put({ ...record, name: `passing-${number}` });
  await registry.remove(`passing-${number}`, number);
  if (round % 10 === 0) await registry.list();
}
process.exit(0);
