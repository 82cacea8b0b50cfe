import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TRUST_LEVELS } from '../policy/policy.ts';
import { LABEL, LABEL_PREFIX, labelsFor, parseLabels, type SandboxLabels } from './labels.ts';

test('every label has our prefix', () => {
  for (const label of Object.values(LABEL)) expect(label.startsWith(LABEL_PREFIX)).toBe(true);
});

const text = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
const values: fc.Arbitrary<SandboxLabels> = fc.record({
  name: fc.string({ minLength: 1 }),
  lifecycle: fc.constantFrom('ephemeral', 'long-lived'),
  runtime: text,
  workspace: text,
  user: text,
  trust: fc.option(fc.constantFrom(...TRUST_LEVELS), { nil: undefined }),
  createdAt: fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }), {
    nil: undefined,
  }),
  instance: text,
  agent: text,
  policyHash: text,
  policy: text,
  project: text,
  task: text,
  scope: text,
  registry: text,
});

test('what was written is read back', () => {
  fc.assert(
    fc.property(values, (given) => {
      expect(parseLabels(labelsFor(given))).toEqual(given);
    }),
  );
});

test('a caller’s own labels are kept, but never in our name', () => {
  const given = { name: 'box', lifecycle: 'ephemeral' } as const;
  expect(labelsFor(given, { 'com.example.team': 'blue' })).toMatchObject({ 'com.example.team': 'blue' });
  expect(() => labelsFor(given, { 'dev.sandbox.trust': 'owner' })).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('dev.sandbox.trust'),
    }),
  );
});

test.each([
  ['no label of ours', { a: 'b' }],
  ['not managed', { [LABEL.name]: 'box', [LABEL.lifecycle]: 'ephemeral' }],
  ['no name', { [LABEL.managed]: 'true', [LABEL.lifecycle]: 'ephemeral' }],
  [
    'a lifecycle of another version',
    { [LABEL.managed]: 'true', [LABEL.name]: 'box', [LABEL.lifecycle]: 'eternal' },
  ],
])('%s: not ours', (_, labels) => {
  expect(parseLabels(labels)).toBeNull();
});

test('values that cannot be read are left out', () => {
  const labels = labelsFor({ name: 'box', lifecycle: 'long-lived' });
  const broken = { ...labels, [LABEL.trust]: 'king', [LABEL.createdAt]: 'yesterday' };
  expect(parseLabels(broken)).toMatchObject({ name: 'box', trust: undefined, createdAt: undefined });
});
