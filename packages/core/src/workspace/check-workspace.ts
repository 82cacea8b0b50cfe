import { constants, type Stats } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { type ErrorCode, SandboxError } from '../errors/sandbox-error.ts';
import { homeDirectory } from '../naming/home-directory.ts';
import type { GuestUser } from '../policy/user.ts';
import { builtInProtectedPaths, type ProtectedPath, refuseWorkspace } from './protected-paths.ts';

/** A host directory that may be mounted. */
export interface CheckedWorkspace {
  /** The real path: no link in it. Name and mount come from this one. */
  readonly path: string;
  readonly owner: GuestUser;
  /** To be compared with the agent's `stat` of `/workspace` after the start. */
  readonly device: number;
  readonly inode: number;
}

export interface CheckWorkspaceOptions {
  /** Besides the built-in ones: sockets that adapters found, a state directory that was configured. */
  readonly protectedPaths?: readonly ProtectedPath[] | undefined;
  /** Absolute paths without links in them: the real path must lie in one of these, or be one. Default: it may lie anywhere. */
  readonly roots?: readonly string[] | undefined;
}

/**
 * Looks whether a host directory may be a workspace. `INVALID_ARGUMENT` for a relative path, `NOT_FOUND` when it is not there, `PERMISSION_DENIED` when it cannot be reached or lies in none of the `roots`, `FAILED_PRECONDITION`
 * when it is not a directory, or is, contains or lies in a place that would give the guest the host: an engine's socket, our state or configuration, `/`, `/proc`, `/sys`, `/dev`.
 */
export async function checkWorkspace(
  path: string,
  options: CheckWorkspaceOptions = {},
): Promise<CheckedWorkspace> {
  if (!isAbsolute(path) || path.includes('\0')) {
    throw refusal(
      'INVALID_ARGUMENT',
      path,
      'it is not an absolute path',
      `Write ${JSON.stringify(resolve(path.replaceAll('\0', '')))}.`,
    );
  }
  const { roots } = options;
  // Before anything is told of what lies there: who may not use a path learns nothing of it.
  if (roots !== undefined && !liesIn(await realpath(path).catch(() => ''), roots)) throw outside(path);
  const { real, stats } = await (roots === undefined ? look(path) : lookOnce(path));
  if (roots !== undefined && !liesIn(real, roots)) throw outside(path);
  if (!stats.isDirectory()) {
    throw refusal(
      'FAILED_PRECONDITION',
      path,
      'it is not a directory',
      'Give the directory that it lies in.',
    );
  }
  const paths = [...builtInProtectedPaths(process.env, homeDirectory()), ...(options.protectedPaths ?? [])];
  const reason = refuseWorkspace(real, await withRealPaths(paths));
  if (reason !== null) {
    const message = real === path ? reason : `${reason} (it leads to ${real})`;
    throw refusal(
      'FAILED_PRECONDITION',
      path,
      message,
      'Give a directory of its own to the work, such as ~/work/project.',
    );
  }
  return { path: real, owner: { uid: stats.uid, gid: stats.gid }, device: stats.dev, inode: stats.ino };
}

/** By the words of a root, and not by where it leads: a link in its place would bring its own target with it. The whole machine is none: that would be a slip. */
function liesIn(real: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const path = resolve(root);
    return path !== '/' && (real === path || real.startsWith(`${path}/`));
  });
}

function outside(path: string): SandboxError {
  return refusal(
    'PERMISSION_DENIED',
    path,
    'it lies in none of the directories that this user may take workspaces from',
    'Have `workspace_roots` of the user in sandbox.toml name a directory around it.',
  );
}

/** As `look`, for a path that somebody may be exchanging at this moment: both answers are about one opened directory. */
async function lookOnce(path: string): Promise<{ real: string; stats: Stats }> {
  const { real, stats } = await look(path);
  if (!stats.isDirectory()) return { real, stats };
  const directory = await open(real, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(
    () => {
      throw outside(path);
    },
  );
  try {
    // Only Linux tells where an opened directory lies; elsewhere what can be done is to look again.
    const lies =
      platform() === 'linux' ? await readlink(`/proc/self/fd/${directory.fd}`) : await realpath(real);
    if (lies !== real) throw outside(path);
    return { real, stats: await directory.stat() };
  } finally {
    await directory.close();
  }
}

async function look(path: string): Promise<{ real: string; stats: Stats }> {
  try {
    const real = await realpath(path);
    return { real, stats: await stat(real) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw refusal('NOT_FOUND', path, 'it is not there', `Make it first: \`mkdir -p ${path}\`.`, cause);
    }
    if (code === 'EACCES' || code === 'EPERM') {
      throw refusal(
        'PERMISSION_DENIED',
        path,
        'it cannot be reached',
        'Its parents must be searchable for you.',
        cause,
      );
    }
    throw refusal(
      'FAILED_PRECONDITION',
      path,
      `it cannot be used (${code})`,
      'Give another directory.',
      cause,
    );
  }
}

/** Each path as it is written and as it really is; what is not there yet counts by its nearest parent that is. */
async function withRealPaths(paths: readonly ProtectedPath[]): Promise<ProtectedPath[]> {
  const real = await Promise.all(
    paths.map(async ({ path, what }) => ({ path: await nearestReal(path), what })),
  );
  return [...paths, ...real];
}

async function nearestReal(path: string): Promise<string> {
  const parent = dirname(path);
  try {
    return await realpath(path);
  } catch {
    return parent === path ? path : join(await nearestReal(parent), basename(path));
  }
}

function refusal(code: ErrorCode, path: string, reason: string, hint: string, cause?: unknown): SandboxError {
  return new SandboxError(code, `the workspace ${JSON.stringify(path)} cannot be used: ${reason}`, {
    operation: 'workspace',
    hint,
    cause,
  });
}
