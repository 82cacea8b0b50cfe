import { expect, test } from 'vitest';
import { remedyFor } from './nsjail-probe.ts';

test.each([
  ['nsjail could not make the jail: clone(flags=CLONE_NEWUSER) failed: Operation not permitted', /sysctl/],
  [
    "Couldn't write '12' bytes to file '/proc/7/gid_map' (fd='6'): Operation not permitted",
    /rootless container/,
  ],
  ['error while loading shared libraries: libprotobuf.so.25', /beside its libraries/],
  ['sh: 1: cannot create /sys/fs/cgroup/x/cgroup.procs: Permission denied', /cgroupParent/],
  ['something else', /NSJAIL_PATH/],
])('%s', (message, remedy) => expect(remedyFor(message)).toMatch(remedy));
