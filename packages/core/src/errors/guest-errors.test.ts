import { GuestError } from '@sandbox/guest';
import { expect, test } from 'vitest';
import { toSandboxError } from './guest-errors.ts';
import { ERROR_CODES, SandboxError } from './sandbox-error.ts';

test.each(ERROR_CODES)('%s stays %s', (code) => {
  const error = new GuestError(code, 'broken', { operation: 'read' });
  expect(toSandboxError(error, { operation: 'read', sandbox: 'box' })).toMatchObject({
    code,
    message: 'broken',
    operation: 'read',
    sandbox: 'box',
    cause: error,
  });
});

test('the caller knows better what was being done', () => {
  const error = new GuestError('NOT_FOUND', 'no such file', { operation: 'read', errno: 'ENOENT' });
  expect(toSandboxError(error, { operation: 'files.readText' })).toMatchObject({
    operation: 'files.readText',
    cause: { errno: 'ENOENT' },
  });
});

test('an error of ours keeps what it says', () => {
  const error = new SandboxError('NOT_FOUND', 'no image', { operation: 'images.pull' });
  expect(toSandboxError(error, { operation: 'run', runtime: 'docker' })).toMatchObject({
    code: 'NOT_FOUND',
    operation: 'images.pull',
    runtime: 'docker',
  });
});

test.each([new Error('odd'), 'odd'])('anything else is UNKNOWN, with itself as the cause', (thrown) => {
  expect(toSandboxError(thrown, { operation: 'run' })).toMatchObject({
    code: 'UNKNOWN',
    message: 'odd',
    cause: thrown,
  });
});
