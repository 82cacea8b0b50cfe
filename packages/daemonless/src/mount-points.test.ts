import { expect, test } from 'vitest';
import { mountPointsBelow } from './mount-points.ts';

test('mount points are read with their escapes', () => {
  const line = (point: string) => `1 2 0:3 / ${point} rw - ext4 /dev/x rw`;
  const text = Buffer.from(['/', '/w', '/w/a\\040b', '/w/ü', '/wx', '/w/z'].map(line).join('\n')).toString(
    'latin1',
  );
  expect(mountPointsBelow(text, '/w')).toEqual(['/w/a b', '/w/z', '/w/ü']);
});
