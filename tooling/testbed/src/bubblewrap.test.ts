import { expect, test } from 'vitest';
import { readVersion } from './bubblewrap.ts';

test.each([
  [0, 'bubblewrap 0.8.0\n', { state: 'healthy', version: '0.8.0' }],
  [0, 'bubblewrap 0.11.1\n', { state: 'healthy', version: '0.11.1' }],
  [0, 'bubblewrap 1.0.0\n', { state: 'healthy', version: '1.0.0' }],
  [0, 'bubblewrap 0.6.1\n', { state: 'unhealthy', detail: 'bubblewrap 0.6.1 is older than 0.8.0' }],
  [1, 'cannot run\n', { state: 'unhealthy', detail: 'cannot run' }],
])('%d %j', (exitCode, output, status) => expect(readVersion({ exitCode, output })).toMatchObject(status));
