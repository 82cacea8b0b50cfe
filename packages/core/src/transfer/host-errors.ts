import { getSystemErrorMessage } from 'node:util';
import { type ErrorCode, SandboxError } from '../errors/sandbox-error.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'FAILED_PRECONDITION',
  EISDIR: 'FAILED_PRECONDITION',
  ELOOP: 'FAILED_PRECONDITION',
  EEXIST: 'ALREADY_EXISTS',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOSPC: 'RESOURCE_EXHAUSTED',
  EDQUOT: 'RESOURCE_EXHAUSTED',
  EMFILE: 'RESOURCE_EXHAUSTED',
  ENAMETOOLONG: 'INVALID_ARGUMENT',
  EINVAL: 'INVALID_ARGUMENT',
};

/** What the host's file system said, as one of our errors; anything else as it is. */
export async function onHost<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = error instanceof Error ? (error as NodeJS.ErrnoException) : undefined;
    if (errno?.syscall === undefined) throw error;
    const code = CODES[errno.code ?? ''] ?? 'UNKNOWN';
    const what = errno.errno === undefined ? errno.code : getSystemErrorMessage(errno.errno);
    throw new SandboxError(code, `${path} on the host: ${what}`, { cause: error });
  }
}
