import { expect, test } from 'vitest';
import { remedyFor } from './bubblewrap-probe.ts';

test.each([
  ['bwrap: Unknown option --size', /0\.8\.0/],
  ['No permissions to creating new namespace, likely because the kernel does not allow', /sysctl/],
  ['Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded', /sysctl/],
  ['setting up uid map: Permission denied', /apparmor/],
  ['uid_map: EPERM: operation not permitted, write', /rootless container/],
  ['setpriv: setresuid failed: Invalid argument', /rootless container/],
  ['something else', /apt-get install bubblewrap/],
])('%s', (message, remedy) => expect(remedyFor(message)).toMatch(remedy));
