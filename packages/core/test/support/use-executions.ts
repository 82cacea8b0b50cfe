// One of many programs that record executions at the same time: waits for a line on stdin, so that all begin together, and prints what it was warned of.
import { once } from 'node:events';
import type { Execution } from '../../src/monitoring/execution.ts';
import { createSqliteExecutions } from '../../src/monitoring/sqlite-executions.ts';

const [file = '', user = '', rounds = ''] = process.argv.slice(2);
const store = createSqliteExecutions({ file, onWarning: (message) => console.log(message) });
const execution: Execution = {
  ...{
    operation: 'exec',
    startedAt: new Date(),
    durationMs: 1,
    user,
    project: null,
    task: null,
    language: null,
  },
  ...{
    runtime: 'docker',
    sandbox: null,
    lifecycle: null,
    terminal: false,
    ending: 'exited',
    errorCode: null,
  },
  ...{ exitCode: 0, peakMemoryBytes: 1, cpuMs: 1, stdoutBytes: 0, stderrBytes: 0, argv: null, env: null },
};
console.log('ready');
await once(process.stdin, 'data');
for (let round = 0; round < Number(rounds); round += 1) {
  for (let each = 0; each < 10; each += 1) void store.record(execution);
  await store.record(execution);
}
await store.close();
process.exit(0);
