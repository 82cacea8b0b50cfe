import { expect, test } from 'vitest';
import type { RuntimeAdapter } from '../adapter/adapter.ts';
import { chooseProject, type ProjectVolume } from './projects.ts';

const at = (runtime: string): ProjectVolume => ({
  adapter: { runtime } as RuntimeAdapter,
  volume: { name: 'sandbox-project-web', labels: {} },
  labels: {
    ...{ project: 'web', user: undefined, ids: { uid: 1, gid: 1 } },
    ...{ createdAt: undefined, instance: undefined, scope: undefined },
  },
});
const choose = (found: readonly string[], runtime?: string) =>
  chooseProject('web', found.map(at), runtime, 'open')?.adapter.runtime;

test.each<[string, string[], string | undefined, string | undefined]>([
  ['none, where there is none', [], undefined, undefined],
  ['none, where there is none at the one that was asked for', [], 'docker', undefined],
  ['the only one', ['podman'], undefined, 'podman'],
  ['the only one, for auto', ['podman'], 'auto', 'podman'],
  ['the one that was asked for', ['podman', 'docker'], 'docker', 'docker'],
])('the volume of a project is %s', (_, found, runtime, expected) => {
  expect(choose(found, runtime)).toBe(expected);
});

test.each<[string, string[], string | undefined, RegExp, RegExp]>([
  ['is elsewhere', ['podman'], 'docker', /at podman, not at docker$/, /--runtime podman/],
  ['is in two places', ['podman', 'docker'], undefined, /at podman and at docker$/, /--runtime podman/],
  [
    'is in two places, for auto',
    ['podman', 'docker'],
    'auto',
    /at podman and at docker$/,
    /--runtime podman/,
  ],
])('no second one is made, and none taken by chance, where it %s', (_, found, runtime, message, hint) => {
  expect(() => choose(found, runtime)).toThrow(
    expect.objectContaining({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    }),
  );
});
