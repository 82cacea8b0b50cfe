import { expect, test } from 'vitest';
import { CONTROLS } from '../adapter/capabilities.ts';
import { BUILT_IN_DEFAULTS } from './defaults.ts';
import { NEVER_RELAXED, parsePolicyInput } from './schema.ts';

const refused = (input: unknown) => {
  try {
    parsePolicyInput(input, 'request');
  } catch (error) {
    return error as { code: string; message: string; hint?: string };
  }
  throw new Error('was accepted');
};

test.each(['ephemeral', 'long-lived'] as const)('the defaults of %s are valid themselves', (lifecycle) => {
  expect(parsePolicyInput(BUILT_IN_DEFAULTS[lifecycle])).toEqual(BUILT_IN_DEFAULTS[lifecycle]);
});

test('nothing, and keys left undefined, are valid', () => {
  expect(parsePolicyInput({})).toEqual({});
  expect(parsePolicyInput({ cpus: undefined })).toEqual({ cpus: undefined });
});

test.each(['alpine', 'ghcr.io/acme/tools:1@sha256:00', '/srv/root file system'])(
  'the image %s is valid',
  (image) => {
    expect(parsePolicyInput({ image })).toEqual({ image });
  },
);

test('an unknown key is named, with those that there are', () => {
  expect(refused({ memory: '4g' })).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'request: unknown key `memory`',
    hint: expect.stringContaining('memoryBytes'),
  });
});

test.each([
  [{ memoryBytes: '4g' }, '`memoryBytes` is a whole number of bytes, not "4g"'],
  [{ memoryBytes: 1024 }, '`memoryBytes` is at least 6291456 bytes, not 1024'],
  [{ memoryBytes: null }, '`memoryBytes`'],
  [{ cpus: 0 }, '`cpus` is at least 0.01, not 0'],
  [{ cpus: Number.NaN }, '`cpus`'],
  [{ pids: 0 }, '`pids` is at least 1 processes, not 0'],
  [{ pids: 1.5 }, '`pids`'],
  [{ openFiles: 3 }, '`openFiles`'],
  [{ fileSizeBytes: 0 }, '`fileSizeBytes`'],
  [{ tmpfsBytes: null }, '`tmpfsBytes`'],
  [{ timeoutMs: 0 }, '`timeoutMs`'],
  [{ timeoutMs: 2 ** 31 }, '`timeoutMs` is at most'],
  [{ network: 'host' }, '`network` is none or full, not "host"'],
  [{ workspaceAccess: 'w' }, '`workspaceAccess` is rw, ro or none, not "w"'],
  [{ profile: 'privileged' }, '`profile` is strict or workspace'],
  [{ allowRoot: 'yes' }, '`allowRoot` is true or false'],
  [{ image: '' }, '`image`'],
  [{ image: '/' }, '`image`'],
  [{ image: 'a b' }, '`image`'],
  [{ image: '-v /:/host' }, '`image`'],
  [{ user: 'nobody' }, 'request: user: "nobody" is a name, and which ids it has only the image knows'],
  [{ user: '10:x' }, 'request: user: "10:x" is not a user'],
  [{ user: 5 }, '`user`'],
  [{ env: { 'A=B': '1' } }, '"A=B" is not a name of a variable'],
  [{ env: 'A=B' }, 'request: env is not an object of names and texts'],
  [{ bestEffort: ['speed'] }, '`bestEffort.0` is a list of controls: memory, cpus'],
  [{ bestEffort: 'memory' }, '`bestEffort`'],
])('%j is refused', (input, message) => {
  expect(refused(input)).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(message),
  });
});

test.each([
  [{ user: 'nobody' }, '1000:1000'],
  [{ env: { 'A=B': '1' } }, 'NAME=value'],
])('%j is refused with a hint', (input, hint) => {
  expect(refused(input).hint).toContain(hint);
});

test.each([null, undefined, 'memory=4g', 3, []])('%j is no policy at all', (input) => {
  expect(refused(input)).toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test.each(CONTROLS)('best effort for %s', (control) => {
  if (NEVER_RELAXED.includes(control)) {
    expect(refused({ bestEffort: [control] }).message).toContain('never relaxed');
  } else {
    expect(parsePolicyInput({ bestEffort: [control] })).toEqual({ bestEffort: [control] });
  }
});
