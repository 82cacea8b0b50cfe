import { expect, test } from 'vitest';
import { isAbandoned, temporaryName } from './temporary-name.ts';

test('only what a program named that is gone is abandoned', () => {
  const name = temporaryName('draft');
  expect(name).not.toBe(temporaryName('draft'));
  expect(isAbandoned(name)).toBe(false);
  // The same process number, of another process.
  expect(isAbandoned(name.replace(/-(\d+)-\d+-/, '-$1-1-'))).toBe(true);
  expect(isAbandoned('draft-4194305-1-0123456789ab')).toBe(true);
  expect(isAbandoned('agents')).toBe(false);
  expect(isAbandoned('0a1b2c3d-0a1b2c3d-sandbox-run-4194305-1-0123456789ab')).toBe(false);
});
