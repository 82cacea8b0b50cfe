const USER_NAMESPACES =
  'allow user namespaces: `sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000`; on Ubuntu also `kernel.apparmor_restrict_unprivileged_userns=0`';

const OWN_IDS =
  'as root it takes ids from 1879048192 on, which a user namespace (a rootless container) has not: run it outside of that, or as an ordinary user';

/** What to do about what any program says that could not make a jail; undefined where that is its own affair. Pure. */
export function hostRemedy(message: string): string | undefined {
  if (/[ug]id_map|setres[ug]id/.test(message)) return OWN_IDS;
  if (/clone|user namespace|new namespace|[ug]id map|unshare/.test(message)) return USER_NAMESPACES;
  if (/cgroup\.procs/.test(message)) return 'give the cgroup to this user, or name another as cgroupParent';
  return undefined;
}
