import { expect, test } from 'vitest';
import { LABEL, labelsFor } from '../naming/labels.ts';
import { adoptRecord } from './adopt.ts';
import type { SandboxRecord } from './registry.ts';

const now = new Date('2026-03-01T00:00:00Z');
const later = new Date(now.getTime() + 1000);
const clock = { now: later, boot: { bootId: 'b', elapsedMs: 7 } };
const record: SandboxRecord = {
  name: 'sandbox-web-1',
  runtime: 'docker',
  lifecycle: 'long-lived',
  workspace: '/home/ann/web',
  user: 'ann',
  trust: 'full',
  instance: '',
  createdAt: now,
  lastUsedAt: now,
};

test('an unknown sandbox of ours is adopted, as used now', () => {
  const labels = labelsFor({
    name: record.name,
    lifecycle: 'long-lived',
    workspace: '/home/ann/web',
    user: 'ann',
    trust: 'full',
    createdAt: now,
  });
  expect(adoptRecord({ name: record.name, state: 'stopped', labels }, 'docker', clock)).toEqual({
    ...record,
    lastUsedAt: later,
    lastUsedBoot: clock.boot,
  });
});

test('one that seems to be made in the future is no unused one', () => {
  const labels = labelsFor({ name: record.name, lifecycle: 'long-lived', createdAt: later });
  const info = { name: record.name, state: 'created', labels } as const;
  expect(adoptRecord(info, 'docker', { ...clock, now })).toMatchObject({
    createdAt: later,
    lastUsedAt: new Date(later.getTime() + 1),
  });
});

test('without a date in its labels, the runtime’s own counts', () => {
  const labels = labelsFor({ name: record.name, lifecycle: 'ephemeral' });
  const info = { name: record.name, state: 'running', labels, createdAt: now } as const;
  expect(adoptRecord(info, 'docker', clock)).toMatchObject({
    createdAt: now,
    user: null,
    trust: null,
    workspace: null,
  });
});

test('somebody else’s container is left alone', () => {
  const info = { name: 'db', state: 'running', labels: { [LABEL.name]: 'db' } } as const;
  expect(adoptRecord(info, 'docker', clock)).toBeNull();
  expect(adoptRecord(info, 'docker', clock, { ...record, name: 'db' })).toBeNull();
});

test('its labels say what it is, and the registry when it was used', () => {
  const labels = labelsFor({
    name: record.name,
    lifecycle: 'long-lived',
    user: 'ann',
    trust: 'full',
    instance: 'v1',
  });
  const mark = { at: now, boot: { bootId: 'b', elapsedMs: 2 } };
  const lastUsedBoot = { bootId: 'b', elapsedMs: 1 };
  // As somebody recorded it who was about to make one of this name, and came too late.
  const known = {
    ...record,
    runtime: 'podman',
    user: 'bob',
    trust: 'public',
    instance: 'v2',
    lastUsedBoot,
    mark,
  } as const;
  expect(adoptRecord({ name: record.name, state: 'running', labels }, 'docker', clock, known)).toEqual({
    ...record,
    ...{ workspace: null, instance: 'v1', lastUsedBoot, mark },
  });
});
