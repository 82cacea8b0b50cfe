/** The system's own, with all that lies in them. */
const SYSTEM = [
  ...[
    '/bin',
    '/boot',
    '/dev',
    '/etc',
    '/lib',
    '/lib32',
    '/lib64',
    '/libx32',
    '/proc',
    '/run',
    '/sbin',
    '/snap',
    '/sys',
  ],
  ...['bin', 'games', 'include', 'lib', 'lib32', 'lib64', 'libexec', 'libx32', 'sbin', 'share'].map(
    (name) => `/usr/${name}`,
  ),
  ...['/Library', '/System', '/private/etc'],
];

/** Those in which many things lie that belong to different people and programs: each of these things may be a workspace, all together are not. */
const SHARED = new Set([
  ...['/', '/home', '/media', '/mnt', '/opt', '/srv', '/tmp', '/usr', '/usr/local', '/usr/src', '/var'],
  ...['backups', 'cache', 'lib', 'local', 'log', 'mail', 'opt', 'spool', 'tmp'].map((name) => `/var/${name}`),
  ...['bin', 'etc', 'include', 'lib', 'sbin', 'share', 'src'].map((name) => `/usr/local/${name}`),
  ...['/Applications', '/Users', '/Volumes', '/cores', '/private', '/private/tmp', '/private/var'],
]);

/** Where each user of a machine has a directory. */
const HOMES = ['/home', '/Users'];

/**
 * Why a directory is no workspace unless somebody names it: it has more in it than one piece of work, and a slip of the shell's `cd` would give all that away. Null for every other
 * directory. Paths are real ones. Pure.
 */
export function whyNotByDefault(path: string, home: string): string | null {
  if (path === home) return 'it is your home directory';
  if (home.startsWith(path === '/' ? path : `${path}/`)) return 'your home directory lies in it';
  if (path === '/root' || HOMES.some((homes) => isChild(path, homes))) return 'it is a home directory';
  const system = SYSTEM.some((directory) => path === directory || path.startsWith(`${directory}/`));
  return system || SHARED.has(path) ? 'it is a directory of the system' : null;
}

function isChild(path: string, directory: string): boolean {
  const name = path.slice(directory.length + 1);
  return path.startsWith(`${directory}/`) && name !== '' && !name.includes('/');
}
