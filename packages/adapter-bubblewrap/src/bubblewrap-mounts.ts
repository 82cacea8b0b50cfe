import { posix } from 'node:path';
import { type BindMount, type JailMount, unsupported } from '@sandbox/daemonless';

/** bwrap's words for what is mounted, on an empty root; after them nothing can be made outside of what is mounted writable. Pure. */
export function mountWords(mounts: readonly JailMount[]): string[] {
  const asked = mounts.filter((mount) => !isIncluded(mount, mounts));
  const sealed = ['/proc', ...asked.flatMap(({ type, target }) => (type === 'devices' ? [target] : [])), '/'];
  return [
    ...['--proc', '/proc'],
    ...asked.flatMap(mountWord),
    ...sealed.flatMap((path) => ['--remount-ro', path]),
  ];
}

function mountWord(mount: JailMount): string[] {
  const { target } = mount;
  switch (mount.type) {
    case 'symlink':
      return ['--symlink', mount.link, target];
    case 'bind':
      return [mount.readOnly ? '--ro-bind' : '--bind', mount.source, target];
    case 'tmpfs':
      return [...['--perms', mount.mode.toString(8), '--size', String(mount.sizeBytes)], '--tmpfs', target];
    case 'devices':
      return ['--dev', target];
    case 'overlay':
      throw unsupported('root', 'bubblewrap mounts no overlays');
  }
}

/**
 * bwrap binds what is mounted below a directory along with it, with the same flags. Doing it once more would have it follow links that a guest may have put there in the
 * meantime.
 */
function isIncluded(mount: JailMount, mounts: readonly JailMount[]): boolean {
  return mount.type === 'bind' && mounts.some((outer) => outer.type === 'bind' && isBelow(mount, outer));
}

function isBelow(inner: BindMount, outer: BindMount): boolean {
  const path = posix.relative(outer.target, inner.target);
  if (path === '' || path.startsWith('..') || inner.readOnly !== outer.readOnly) return false;
  return posix.join(outer.source, path) === inner.source;
}
