import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createNsjailAdapter } from '@sandbox/adapter-nsjail';
import { createSandboxes } from '@sandbox/core';
import { Unavailable } from './figure.ts';

/** The library's defaults. */
const LIMITS = { memoryBytes: 4 * 2 ** 30, pids: 1_024 };
const CGROUPS = '/sys/fs/cgroup';

interface Config {
  mount: { src?: string; dst: string }[];
  [key: string]: unknown;
}

/** nsjail as somebody would start it by hand: with the mounts, ids, filter and limits that a sandbox of ours has, and nothing of ours around it or in it. */
export class BareNsjail {
  readonly #program: string;
  readonly #config: string;
  readonly #cgroups: readonly string[];

  private constructor(program: string, config: string, cgroups: readonly string[]) {
    this.#program = program;
    this.#config = config;
    this.#cgroups = cgroups;
  }

  static async prepare(): Promise<BareNsjail> {
    const directory = await mkdtemp(join(tmpdir(), 'bench-nsjail-'));
    try {
      const { program, config } = await capture(directory);
      const { execBin: _, ...rest } = config;
      const parent = `bench-${process.pid}`;
      const { words, directories } = await limits(parent);
      // The sandbox that it was made for has gone with its cgroup.
      const mount = config.mount.map((one) =>
        one.dst.startsWith(CGROUPS) && one.src ? { ...one, src: dirname(one.src) } : one,
      );
      const path = join(directory, 'config.json');
      await writeFile(path, JSON.stringify({ ...rest, ...words, mount }));
      return new BareNsjail(program, path, directories);
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async run(command: string): Promise<void> {
    const words = ['-L', '3', '--config', this.#config, '--', command];
    const child = spawn(this.#program, words, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr, child.stdio[3]]) (stream as NodeJS.ReadStream).resume();
    const [exitCode] = await once(child, 'exit');
    if (exitCode !== 0) throw new Error(`bare nsjail ended with ${exitCode}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(dirname(this.#config), { recursive: true, force: true });
    for (const path of this.#cgroups) await rmdir(path).catch(() => {});
  }
}

/** What the adapter tells nsjail for a sandbox of default policy, by way of a program that keeps it. */
async function capture(directory: string): Promise<{ program: string; config: Config }> {
  const { endpoint: program } = await createNsjailAdapter().probe();
  if (program === undefined) throw new Unavailable('there is no nsjail');
  const kept = join(directory, 'kept.json');
  const script = join(directory, 'nsjail');
  await writeFile(script, `#!/bin/sh\ncp "$4" ${kept}\nexec ${program} "$@"\n`);
  await chmod(script, 0o755);
  await using sandboxes = createSandboxes({
    adapter: createNsjailAdapter({ binary: script }),
    scope: `bench-${process.pid}`,
  });
  await sandboxes.run(['/bin/true']);
  return { program, config: JSON.parse(await readFile(kept, 'utf8')) as Config };
}

/** In nsjail's own words, which make a cgroup for each run. */
async function limits(parent: string): Promise<{ words: object; directories: string[] }> {
  if (process.getuid?.() !== 0) throw new Unavailable('bare nsjail gets cgroups from root alone');
  const words = { cgroupMemMax: String(LIMITS.memoryBytes), cgroupPidsMax: String(LIMITS.pids) };
  const v1 = existsSync(join(CGROUPS, 'memory'));
  const directories = v1
    ? ['memory', 'pids'].map((name) => join(CGROUPS, name, parent))
    : [join(CGROUPS, parent)];
  for (const path of directories) await mkdir(path);
  const where = v1
    ? { cgroupMemParent: parent, cgroupPidsParent: parent }
    : { useCgroupv2: true, cgroupv2Mount: join(CGROUPS, parent) };
  return { words: { ...words, ...where }, directories };
}
