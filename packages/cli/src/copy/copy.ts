import { lstatSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ErrorCode, FileStat, Sandbox } from '@sandbox/core';
import type { CliIo } from '../cli-io.ts';
import type { ProgressDisplay } from '../output/progress.ts';
import { bytes } from '../output/quantities.ts';
import { type CopyRequest, destinationOf, type Place } from './copy-sides.ts';

export interface CopyResult {
  readonly from: string;
  readonly to: string;
  readonly entries: number;
  readonly bytes: number;
}

export interface CopyOptions {
  readonly io: Pick<CliIo, 'cwd'>;
  readonly signal: AbortSignal;
  readonly progress: ProgressDisplay;
}

/** Copies between host and sandbox, and shows how far it has got. */
export async function copy(
  sandbox: Sandbox,
  request: CopyRequest,
  options: CopyOptions,
): Promise<CopyResult> {
  try {
    return await (request.direction === 'in' ? copyIn : copyOut)(sandbox, request, options);
  } catch (error) {
    const { SandboxError } = await import('@sandbox/core');
    const hint = SandboxError.is(error) && !isOfHost(error.cause) ? HINTS[error.code] : undefined;
    throw hint === undefined ? error : SandboxError.withContext(error, { hint });
  }
}

/** What this machine's file system said: nothing in a sandbox helps there. */
const isOfHost = (cause: unknown): boolean =>
  cause instanceof Error && (cause as NodeJS.ErrnoException).syscall !== undefined;

const HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  NOT_FOUND: 'Paths in a sandbox start at /workspace, unless they start with a slash.',
  PERMISSION_DENIED:
    "In a sandbox, its own user reads and writes: home, /tmp and a workspace that is 'rw' are theirs.",
};

async function copyIn(
  sandbox: Sandbox,
  request: CopyRequest,
  { io, signal, progress }: CopyOptions,
): Promise<CopyResult> {
  const from = path.resolve(io.cwd, request.from);
  // What is not there is told by the upload.
  const source = lstatSync(from, { throwIfNoEntry: false });
  const there = await guestStat(sandbox, request.to, signal);
  await refuseInTheWay(request, source?.isDirectory() ?? false, placeOf(there?.type));
  const to = destinationOf(request.from, request.to, placeOf(there?.type));
  const onProgress = showing(progress, request.from, source?.isFile() ? source.size : undefined);
  const { entries, bytes } = await sandbox.files.upload(from, to, { signal, onProgress });
  return { from, to: `${sandbox.name}:${to}`, entries, bytes };
}

async function copyOut(
  sandbox: Sandbox,
  request: CopyRequest,
  { io, signal, progress }: CopyOptions,
): Promise<CopyResult> {
  const source = await sandbox.files.stat(request.from, { follow: true, signal });
  const there = statSync(path.resolve(io.cwd, request.to), { throwIfNoEntry: false });
  const place = placeOf(there?.isDirectory() ? 'directory' : there && 'file');
  await refuseInTheWay(request, source.type === 'directory', place);
  const named = destinationOf(request.from, request.to, place);
  const to = path.resolve(io.cwd, named);
  // A link that the user named is followed; one that lies where only the source's name leads to is not.
  const target = named === request.to && place === 'directory' ? realpathSync(to) : to;
  const onProgress = showing(progress, request.from, source.type === 'file' ? source.sizeBytes : undefined);
  const { entries, bytes } = await sandbox.files.download(request.from, target, { signal, onProgress });
  return { from: `${sandbox.name}:${request.from}`, to, entries, bytes };
}

async function refuseInTheWay({ from, to }: CopyRequest, isDirectory: boolean, there: Place): Promise<void> {
  if (!isDirectory || there !== 'other') return;
  const { SandboxError } = await import('@sandbox/core');
  throw new SandboxError('FAILED_PRECONDITION', `${from} is a directory, and ${to} is there and is none`, {
    operation: 'cp',
    hint: 'Name another place.',
  });
}

const placeOf = (type: FileStat['type'] | undefined): Place =>
  type === undefined ? 'nothing' : type === 'directory' ? 'directory' : 'other';

async function guestStat(
  { files }: Sandbox,
  file: string,
  signal: AbortSignal,
): Promise<FileStat | undefined> {
  const { SandboxError } = await import('@sandbox/core');
  return files.stat(file, { follow: true, signal }).catch((error) => {
    if (SandboxError.is(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  });
}

function showing(progress: ProgressDisplay, what: string, total: number | undefined) {
  return (sofar: { readonly entries: number; readonly bytes: number }) => {
    const message = total === undefined ? `${what}: ${bytes(sofar.bytes)}, ${sofar.entries} entries` : what;
    progress.show({ message, ...(total !== undefined && { current: sofar.bytes, total }) });
  };
}
