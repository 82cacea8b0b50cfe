import { hostRemedy } from '@sandbox/daemonless';

export const INSTALL =
  'install bubblewrap: `sudo apt-get install bubblewrap`, or your system’s package of this name';

/** What to do about what bwrap said when it could not make a jail. Pure. */
export function remedyFor(message: string): string {
  if (/Unknown option/.test(message)) return 'take bubblewrap 0.8.0 or later';
  return hostRemedy(message) ?? `look at what it says, or ${INSTALL}`;
}
