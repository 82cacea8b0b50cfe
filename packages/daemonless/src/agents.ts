import { createHash, randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type AgentSpec, SandboxError } from '@sandbox/core';
import { makeSearchable } from './directories.ts';

/**
 * The directory behind `/.sandbox` of guests: one directory for each digest, with the file `agent` in it. Everybody may search it. It is only ever added to; many
 * programs may add the same at one time.
 */
export class AgentDirectory {
  readonly path: string;
  readonly #mode: number;
  readonly #placed = new Map<string, Promise<string>>();

  /** @param mode of the file: 0o111 where nothing but the kernel has to read it. */
  constructor(path: string, mode = 0o111) {
    this.path = path;
    this.#mode = mode;
  }

  /** Makes sure that this agent is there, whole, and returns its directory. */
  async place(agent: AgentSpec, architecture: 'amd64' | 'arm64'): Promise<string> {
    const { digest } = agent;
    if (!/^[\w-]+$/.test(digest))
      throw new SandboxError('INVALID_ARGUMENT', `${JSON.stringify(digest)} is not a digest`);
    const known = this.#placed.get(digest);
    // Somebody may have cleared the directory meanwhile.
    if (known && (await stat(this.#file(digest)).catch(() => undefined))) return known;
    const placing = this.#place(agent, architecture);
    this.#placed.set(digest, placing);
    placing.catch(() => this.#placed.delete(digest));
    return placing;
  }

  /** What all of them occupy; null where there is none. */
  async size(): Promise<number | null> {
    const digests = await readdir(this.path).catch(() => []);
    const sizes = await Promise.all(
      digests.map(async (digest) => (await stat(this.#file(digest)).catch(() => undefined))?.size ?? 0),
    );
    return digests.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0);
  }

  /** For when no sandbox is left that needs one. */
  async remove(): Promise<void> {
    this.#placed.clear();
    await rm(this.path, { recursive: true, force: true });
  }

  async #place({ digest, path }: AgentSpec, architecture: 'amd64' | 'arm64'): Promise<string> {
    const [file, binary] = [this.#file(digest), await readFile(path(architecture))];
    const directory = dirname(file);
    if (await this.#isWhole(file, binary)) return directory;
    makeSearchable(directory);
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    try {
      await writeFile(draft, binary, { mode: 0o700 });
      await chmod(draft, this.#mode);
      // Who runs the old one keeps it.
      await rename(draft, file);
    } finally {
      await rm(draft, { force: true });
    }
    return directory;
  }

  /** A file that this user may not read is one that a rename has put there: whole. */
  async #isWhole(file: string, binary: Buffer): Promise<boolean> {
    const found = await stat(file).catch(() => undefined);
    if (found?.size !== binary.length || (found.mode & 0o777) !== this.#mode) return false;
    const content = await readFile(file).catch(() => undefined);
    return content === undefined || hash(content) === hash(binary);
  }

  #file(digest: string): string {
    return join(this.path, digest, 'agent');
  }
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
