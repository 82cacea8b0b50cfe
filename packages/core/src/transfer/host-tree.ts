import type { HostDirectory } from './host-directory.ts';

interface Level {
  readonly name: string;
  readonly directory: HostDirectory;
}

/** Directories below one of the host's, each reached from the one above it. Those on the way to the last one stay open, for an archive is in order. */
export class HostTree {
  readonly #root: HostDirectory;
  #open: Level[] = [];

  constructor(root: HostDirectory) {
    this.#root = root;
  }

  /** Makes what is missing on the way. Valid until the next call. */
  async directory(path: readonly string[], mode = 0o755): Promise<HostDirectory> {
    await this.#leave(path);
    for (const name of path.slice(this.#open.length)) {
      const last = this.#open.length === path.length - 1;
      const directory = await this.#current.makeDirectory(name, last ? mode : 0o755);
      this.#open.push({ name, directory });
    }
    return this.#current;
  }

  /** Both are paths of files. */
  async hardLink(path: readonly string[], target: readonly string[]): Promise<void> {
    const parent = await this.directory(path.slice(0, -1));
    const way: HostDirectory[] = [];
    try {
      let directory = this.#root;
      for (const name of target.slice(0, -1)) {
        directory = await directory.directory(name);
        way.push(directory);
      }
      await parent.createHardLink(path.at(-1) as string, directory, target.at(-1) as string);
    } finally {
      await Promise.all(way.map((directory) => directory.close()));
    }
  }

  async close(): Promise<void> {
    await this.#leave([]);
    await this.#root.close();
  }

  get #current(): HostDirectory {
    return this.#open.at(-1)?.directory ?? this.#root;
  }

  /** Closes what does not lie on the way. */
  async #leave(path: readonly string[]): Promise<void> {
    const common = this.#open.findIndex(({ name }, index) => name !== path[index]);
    if (common === -1) return;
    const left = this.#open.splice(common);
    await Promise.all(left.map(({ directory }) => directory.close()));
  }
}
