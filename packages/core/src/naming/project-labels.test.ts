import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LABEL } from './labels.ts';
import { parseProjectLabels, projectLabelsFor } from './project-labels.ts';

const id = fc.integer({ min: 0, max: 2 ** 32 - 2 });
const text = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
const values = fc.record({
  project: fc.stringMatching(/^[A-Za-z0-9_.-]{1,40}$/).filter((name) => !['run', 'project'].includes(name)),
  user: text,
  ids: fc.record({ uid: id, gid: id }),
  createdAt: fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }), {
    nil: undefined,
  }),
  instance: text,
  scope: text,
});

test('what was written is read back', () => {
  fc.assert(
    fc.property(values, (given) => {
      const volume = { name: `sandbox-project-${given.project}`, labels: projectLabelsFor(given) };
      expect(parseProjectLabels(volume)).toEqual(given);
    }),
  );
});

const name = 'sandbox-project-web';
const labels = projectLabelsFor({
  ...{ project: 'web', user: 'ann', ids: { uid: 5, gid: 6 } },
  ...{ createdAt: undefined, instance: undefined, scope: undefined },
});

test.each([
  ['not ours', { name, labels: { ...labels, [LABEL.managed]: 'false' } }],
  ['of another name', { name: `${name}2`, labels }],
  ['a sandbox’s own', { name, labels: { ...labels, [LABEL.name]: 'sandbox-web-t' } }],
  ['without ids', { name, labels: { ...labels, [LABEL.ids]: '' } }],
  ['with ids that are none', { name, labels: { ...labels, [LABEL.ids]: '-1:0' } }],
  ['of no project', { name, labels: { ...labels, [LABEL.project]: '' } }],
  ['of no valid project', { name: 'sandbox-project-a/b', labels: { ...labels, [LABEL.project]: 'a/b' } }],
])('a volume %s is not a project’s', (_, volume) => {
  expect(parseProjectLabels({ name, labels })).not.toBeNull();
  expect(parseProjectLabels(volume)).toBeNull();
});
