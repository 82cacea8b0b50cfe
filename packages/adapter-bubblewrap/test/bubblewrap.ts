import { createBubblewrapAdapter } from '@sandbox/adapter-bubblewrap';
import type { JailRuntime } from '@sandbox/jail-tests';

export const bubblewrap: JailRuntime = {
  runtime: 'bubblewrap',
  module: import.meta.resolve('@sandbox/adapter-bubblewrap'),
  factory: 'createBubblewrapAdapter',
  createAdapter: (options) => createBubblewrapAdapter(options),
  remedy: 'apt-get install bubblewrap',
  keepsDirectories: false,
  forged: '{ "exit-code": 0 }',
  withoutUserNamespaces: 'unshare failed: No space left',
};
