import type { Execution } from '@sandbox/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { call, type ReferenceServer, startReference } from './reference-server.ts';

let service: ReferenceServer;
let executions: Execution[];
beforeEach(async () => {
  executions = [];
  const onExecution = (execution: Execution) => void executions.push(execution);
  const limits = { requestsPerUser: 1, queuePerUser: 0 };
  service = await startReference({ manager: { onExecution }, limits });
});
afterEach(() => service[Symbol.asyncDispose]());

const create = async (body: object = {}): Promise<string> =>
  (await call(service, 'POST', '/sandbox', { runtime: 'bash', keep: true, ...body })).body.id;
const execute = (id: string, body: object) => call(service, 'POST', `/sandbox/${id}/execute`, body);
const metrics = async () => (await call(service, 'GET', '/metrics')).body.split('\n') as string[];

it('counts executions, terminals and refusals, and has no series for what callers make up', async () => {
  const id = await create();
  await execute(id, { code: 'exit 3' });
  await execute(id, { code: 'sleep 60', timeoutMs: 50 });
  await execute(id, { command: 'true', cwd: '..', args: ['made-up'] });
  const socket = new WebSocket(`${service.url.replace('http', 'ws')}/sandbox/${id}/terminal?command=true`);
  await new Promise((resolve) => socket.on('close', resolve));
  const slow = execute(id, { code: 'sleep 0.5' });
  await expect
    .poll(async () => (await metrics()).includes('sandbox_executions_running 1'), { timeout: 10_000 })
    .toBe(true);
  expect((await execute(id, { code: 'true' })).status).toBe(429);
  await slow;
  await create({ runtime: 'made-up-language' });
  await call(service, 'GET', '/made-up-path');
  const lines = await metrics();
  const where = 'runtime="bash",adapter="reference"';
  const invalid = lines.find((line) => line.includes(`${where},ending="INVALID_ARGUMENT"`));
  expect(invalid).toMatch(/ 1$/);
  expect(lines).toEqual(
    expect.arrayContaining([
      // The terminal too.
      `sandbox_executions_total{${where},ending="exited"} 3`,
      `sandbox_executions_total{${where},ending="timed-out"} 1`,
      `sandbox_execution_duration_seconds_count{${where}} 3`,
      `sandbox_execution_duration_seconds_bucket{${where},le="+Inf"} 3`,
      `sandbox_sandboxes{${where},lifecycle="ephemeral"} 1`,
      'sandbox_queue{for="requests"} 0',
      'sandbox_refused_total{for="requests",reason="full"} 1',
      'sandbox_refused_total{for="sandboxes",reason="late"} 0',
    ]),
  );
  expect(lines.join('\n')).not.toContain('made-up');
});

it('says whose each execution is, and what it is for', async () => {
  const id = await create({ project: 'web', task: 'fix' });
  await execute(id, { code: 'exit 3' });
  await execute(id, { command: 'true' });
  await call(service, 'POST', '/sandbox', { runtime: 'bash', adapter: 'nowhere', project: 'web' });
  await expect.poll(() => executions.length).toBe(3);
  const common = { user: 'ann', language: 'bash', project: 'web' };
  expect(executions).toMatchObject([
    { ...common, task: 'fix', operation: 'exec', sandbox: id, ending: 'exited', exitCode: 3 },
    { ...common, task: 'fix', operation: 'exec', sandbox: id, ending: 'exited', exitCode: 0 },
    { ...common, task: null, operation: 'create', ending: null, runtime: 'nowhere' },
  ]);
});
