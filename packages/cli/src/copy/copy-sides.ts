import { posix } from 'node:path';
import { UsageError } from '../usage-error.ts';

/** One side of a copy. `sandbox` is undefined on the host, and empty for the workspace's. */
export interface CopySide {
  readonly sandbox?: string;
  readonly path: string;
}

export interface CopyRequest {
  readonly direction: 'in' | 'out';
  /** Empty: the workspace's. */
  readonly sandbox: string;
  readonly from: string;
  readonly to: string;
}

/** `NAME:/path` and `:/path` are in a sandbox, everything else is on the host: also `./a:b`, and `a/b:c`. Pure. */
export function parseSide(text: string): CopySide {
  const match = /^([A-Za-z0-9][\w.-]{0,62})?:(.*)$/s.exec(text);
  return match ? { sandbox: match[1] ?? '', path: match[2] || '.' } : { path: text };
}

/** Which way a copy goes. Pure. */
export function copyRequest(source: string, target: string): CopyRequest {
  const [from, to] = [parseSide(source), parseSide(target)];
  if (from.path === '' || to.path === '') throw new UsageError('a path is empty', HINT);
  if (from.sandbox !== undefined && to.sandbox !== undefined)
    throw new UsageError('both sides are in sandboxes', 'Copy to the host first, and from there.');
  if (from.sandbox !== undefined)
    return { direction: 'out', sandbox: from.sandbox, from: from.path, to: to.path };
  if (to.sandbox !== undefined) return { direction: 'in', sandbox: to.sandbox, from: from.path, to: to.path };
  throw new UsageError('neither side is in a sandbox', HINT);
}

const HINT = 'One side is NAME:PATH, or :PATH for the sandbox of the workspace here.';

/** What there is where something is to be copied to, links followed. */
export type Place = 'directory' | 'other' | 'nothing';

/**
 * Where a copy ends up, as `cp -r` has it: in a directory that is there, or that a slash at the end says there is, under its own name; else under the name that was asked
 * for. Of a source that ends in `/.` the contents are copied. Pure.
 */
export function destinationOf(from: string, to: string, there: Place): string {
  const name = posix.basename(posix.normalize(from));
  const contents = /(^|\/)\.\.?\/*$/.test(from) || name === '';
  const into = there === 'directory' || to.endsWith('/');
  return into && !contents ? joined(to, name) : to;
}

/** Not normalised: what `..` means behind a link is for whoever opens it to say. */
function joined(directory: string, name: string): string {
  return directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`;
}
