import { constants, type Dirent } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  symlink,
  unlink,
} from 'node:fs/promises';
import { platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { SandboxError } from '../errors/sandbox-error.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const LINUX = platform() === 'linux';

/**
 * A directory of the host that somebody else may be changing while we are in it: a workspace has a guest behind it. It is held
 * open, and what is in it is reached through the descriptor and never through a link, so that a directory or a file that is
 * swapped for one leads nowhere. (Without /proc, on macOS, names are used, and links are only looked for.)
 */
export class HostDirectory {
  readonly #handle: FileHandle;
  readonly #base: string;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#base = LINUX ? `/proc/self/fd/${handle.fd}` : path;
  }

  /** The caller's own path: links on the way to it are followed, and so is its end. */
  static async open(path: string): Promise<HostDirectory> {
    return new HostDirectory(await open(path, O_RDONLY | O_DIRECTORY), path);
  }

  /** The same, but its end must be the directory itself: where the way leads into a workspace, a guest may have put a link in its place. With `mode` it is made where it is missing. */
  static async openItself(path: string, mode?: number): Promise<HostDirectory> {
    const name = basename(path);
    if (name === '') return HostDirectory.open(path);
    const parent = await HostDirectory.open(dirname(path));
    try {
      return mode === undefined ? await parent.directory(name) : await parent.makeDirectory(name, mode);
    } finally {
      await parent.close();
    }
  }

  /** A directory in this one. */
  async directory(name: string): Promise<HostDirectory> {
    const path = this.#at(name);
    try {
      return new HostDirectory(await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ELOOP' && code !== 'ENOTDIR') throw error;
      throw new SandboxError(
        'FAILED_PRECONDITION',
        `${JSON.stringify(name)} on the host is a link or a file, and no directory`,
        {
          hint: 'Move it away, or name another place.',
          cause: error,
        },
      );
    }
  }

  /** As `directory`, which is made where it is missing. */
  async makeDirectory(name: string, mode: number): Promise<HostDirectory> {
    try {
      await mkdir(this.#at(name), mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    return this.directory(name);
  }

  entries(): Promise<Dirent[]> {
    return readdir(this.#base, { withFileTypes: true });
  }

  /** Does not wait for a FIFO, and fails for a link. */
  read(name: string): Promise<FileHandle> {
    return open(this.#at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }

  link(name: string): Promise<string> {
    return readlink(this.#at(name));
  }

  /** A new file, in the place of one that is there. */
  async create(name: string, mode: number): Promise<FileHandle> {
    return this.#inPlaceOf(name, (path) => open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  }

  async createLink(name: string, target: string): Promise<void> {
    await this.#inPlaceOf(name, (path) => symlink(target, path));
  }

  async createHardLink(name: string, directory: HostDirectory, target: string): Promise<void> {
    await this.#inPlaceOf(name, (path) => link(directory.#at(target), path));
  }

  chmod(mode: number): Promise<void> {
    return this.#handle.chmod(mode);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #at(name: string): string {
    return join(this.#base, name);
  }

  /** Mostly there is nothing in the way. */
  async #inPlaceOf<T>(name: string, make: (path: string) => Promise<T>): Promise<T> {
    const path = this.#at(name);
    try {
      return await make(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await this.#clear(name);
      return make(path);
    }
  }

  async #clear(name: string): Promise<void> {
    try {
      await unlink(this.#at(name));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      const directory = (await lstat(this.#at(name))).isDirectory();
      if (!directory) throw error;
      throw new SandboxError('FAILED_PRECONDITION', `${JSON.stringify(name)} on the host is a directory`, {
        hint: 'Move it away, or name another place.',
        cause: error,
      });
    }
  }
}
