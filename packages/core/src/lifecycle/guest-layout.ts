/** Where things are in every guest. */
export const GUEST_WORKSPACE = '/workspace';
export const GUEST_HOME = '/home/sandbox';
/** For programs and data of one use, such as a piece of code that is to be run. */
export const GUEST_SCRATCH = '/sandbox';
export const GUEST_TMP = '/tmp';
export const GUEST_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Name of the guest's user, where it is not root. */
export const GUEST_USER_NAME = 'sandbox';
/** Where pip and npm put what an ordinary user installs. */
export const GUEST_USER_PREFIX = '/home/sandbox/.local';
/** Where programs are that an ordinary user has installed: with pip and npm, and with cargo. */
export const GUEST_USER_PROGRAMS: readonly string[] = [
  '/home/sandbox/.local/bin',
  '/home/sandbox/.cargo/bin',
];
