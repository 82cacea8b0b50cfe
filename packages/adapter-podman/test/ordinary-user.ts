import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IMAGE } from './podman-here.ts';

const checkout = join(import.meta.dirname, '../../..');
const NAME = 'sandbox-tester';
const ALL_IDS = 2 ** 32 - 1;

/** Why no user can be made here; undefined where one can. */
export function whyNoUser(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux can make a user';
  if (Number(readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)[2]) < ALL_IDS)
    return 'this machine is a user namespace, with few ids';
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'nothing can be mounted here';
  }
}

/**
 * An ordinary user of this machine, made for a test: in a mount namespace of its own, so that nobody else sees an entry in `/etc/passwd`, and nothing is left of it. It
 * sees the checkout as its own, wherever that is, and may use `/dev/net/tun`, as on a machine with a desktop.
 */
export class OrdinaryUser {
  readonly uid = 62_000 + (process.pid % 2_000);
  readonly directory = mkdtempSync(join(tmpdir(), 'sandbox-user-'));
  readonly checkout = join(this.directory, 'checkout');
  readonly env = {
    PATH: `${join(this.checkout, 'node_modules/.bin')}:${process.env.PATH}`,
    HOME: join(this.directory, 'home'),
    TMPDIR: join(this.directory, 'tmp'),
    XDG_RUNTIME_DIR: join(this.directory, 'run'),
    USER: NAME,
    // Else Podman 4 may take one that copies the whole image for each container.
    STORAGE_DRIVER: 'overlay',
  };
  readonly #keeper: ChildProcess;
  readonly #ready: Promise<unknown>;

  /** `subordinateIds`: whether it has those that rootless engines need. */
  constructor({ subordinateIds = true } = {}) {
    this.#fillDirectory(subordinateIds);
    const script = `
      set -e
      for file in passwd group subuid subgid; do mount --bind "$1/$file" "/etc/$file"; done
      mount --bind "$2" "$1/checkout"
      if mknod -m 666 "$1/tun" c 10 200 && [ -e /dev/net/tun ]; then mount --bind "$1/tun" /dev/net/tun; fi
      echo ready
      exec cat`;
    const namespace = ['--mount', '--propagation', 'private', 'sh', '-c', script];
    // It ends with us, and the namespace with the last process in it.
    this.#keeper = spawn('unshare', [...namespace, 'sh', this.directory, checkout], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ready = once(this.#keeper.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  }

  /** Runs a program as this user, in the checkout. */
  async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<ChildProcess> {
    await this.#ready;
    const id = String(this.uid);
    const enter = ['--target', String(this.#keeper.pid), '--mount'];
    const become = [
      'setpriv',
      '--reuid',
      id,
      '--regid',
      id,
      '--clear-groups',
      'env',
      `--chdir=${this.checkout}`,
    ];
    const env = Object.entries({ ...this.env, ...options.env }).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${value}`],
    );
    // In the words of the command line: the programs that lead there are found with our own PATH.
    return spawn('nsenter', [...enter, ...become, ...env, ...argv], { ...options, env: process.env });
  }

  /** As `spawn`, to its end: its exit code, and what it has said. */
  async run(
    argv: readonly string[],
    options: SpawnOptions = {},
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = await this.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const [stdout, stderr, [code]] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ]);
    return { code, stdout, stderr };
  }

  /** Gives it the image of the tests, out of root's Podman. */
  async loadImage(): Promise<void> {
    const save = spawn('podman', ['save', `docker.io/library/${IMAGE}`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const { code, stderr } = await this.run(['podman', 'load'], { stdio: [save.stdout, 'ignore', 'pipe'] });
    if (code !== 0) throw new Error(`podman load as ${NAME}: ${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its files are of subordinate ids.
    await this.run(['podman', 'unshare', 'rm', '-rf', join(this.env.HOME, '.local')], { stdio: 'ignore' });
    const left = () => processesOf(this.uid);
    for (const pid of left()) process.kill(pid, 'SIGKILL');
    while (left().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    this.#keeper.kill('SIGKILL');
    await once(this.#keeper, 'exit');
    rmSync(this.directory, { recursive: true, force: true });
  }

  #fillDirectory(subordinateIds: boolean): void {
    const { directory, uid } = this;
    chmodSync(directory, 0o711);
    mkdirSync(this.checkout);
    for (const path of [this.env.HOME, this.env.TMPDIR, this.env.XDG_RUNTIME_DIR]) {
      mkdirSync(path, { mode: 0o700 });
      chownSync(path, uid, uid);
    }
    const add = (file: string, line: string) => {
      const copy = join(directory, file);
      if (existsSync(`/etc/${file}`)) copyFileSync(`/etc/${file}`, copy);
      writeFileSync(copy, line, { flag: 'a', mode: 0o644 });
    };
    add('passwd', `${NAME}:x:${uid}:${uid}::${this.env.HOME}:/bin/sh\n`);
    add('group', `${NAME}:x:${uid}:\n`);
    // Ids that nobody else's are likely to be among.
    const ids = subordinateIds ? `${NAME}:${uid * 65_536}:65536\n` : '';
    add('subuid', ids);
    add('subgid', ids);
  }
}

function processesOf(uid: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && statSync(`/proc/${name}`).uid === uid ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}
