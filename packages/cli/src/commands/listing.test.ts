import type { SandboxDetails } from '@sandbox/core';
import { expect, it } from 'vitest';
import { describe as describeSandbox } from './inspect.ts';
import { listTable } from './ls.ts';

const now = new Date('2030-01-02T00:00:00Z');
const plain = (_style: string, text: string) => text;
const sandbox: SandboxDetails = {
  name: 'sandbox-app-1f2e3d4c5b6a',
  id: 'abc',
  state: 'running',
  labels: {},
  image: 'debian:bookworm-slim',
  createdAt: new Date('2030-01-01T00:00:00Z'),
  runtime: 'docker',
  lifecycle: 'long-lived',
  workspace: '/srv/app\u001b[2J',
  project: null,
  task: null,
  user: null,
  trust: 'familiar',
  protected: false,
  lastUsedAt: new Date('2030-01-01T23:00:00Z'),
  idleMs: 3_600_000,
  sizeBytes: 3 * 2 ** 20,
  enforcement: {
    memory: { requested: 2 ** 29, effective: 2 ** 29, status: 'enforced', how: 'cgroup', source: 'request' },
    cpus: { requested: null, effective: null, status: 'unsupported', how: 'nothing', source: 'default' },
  },
};

it('lists sandboxes', () => {
  expect(listTable([sandbox], now, plain)).toBe(
    'NAME                      RUNTIME  STATE    LIFECYCLE   OWNER  AGE    IDLE    SIZE   WORKSPACE\n' +
      'sandbox-app-1f2e3d4c5b6a  docker   running  long-lived  -      1 day  1 hour  3 MiB  /srv/app\\x1b[2J\n',
  );
  const { sizeBytes: _, ...unsized } = sandbox;
  const others = [
    { ...sandbox, user: 'ann', protected: true },
    { ...unsized, lifecycle: 'ephemeral' as const, workspace: null },
    { ...sandbox, idleMs: null },
    { ...sandbox, workspace: null, project: 'web', task: 'fix' },
  ];
  expect(listTable(others, now, plain).split('\n').slice(1)).toEqual([
    expect.stringMatching(/ ann +1 day +1 hour \* +3 MiB /),
    expect.stringMatching(/ - +1 day +- +- +-$/),
    expect.stringMatching(/ - +1 day +- +3 MiB /),
    expect.stringMatching(/ 3 MiB +web\/fix$/),
    '',
  ]);
  expect(listTable([], now, plain)).toBe('no sandboxes\n');
});

it('describes one, with what is enforced', () => {
  const text = describeSandbox(sandbox, now, plain);
  expect(text).toMatch(/^name +sandbox-app-1f2e3d4c5b6a$/m);
  expect(text).toMatch(/^last used +1 hour ago$/m);
  expect(text).toMatch(/^memory +512 MiB +512 MiB +enforced +request +cgroup$/m);
  expect(text).toMatch(/^cpus +- +- +unsupported +default +nothing$/m);
  expect(text).not.toMatch(/^user /m);
});
