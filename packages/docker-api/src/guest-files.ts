import { ephemeralName, GUEST_USER_NAME, LABEL, type SandboxSpec } from '@sandbox/core';
import { ContainerArchive } from './archive.ts';
import type { EngineClient } from './client.ts';
import { withHelper } from './helper-container.ts';
import type { TarEntry } from './tar.ts';

interface Call {
  readonly operation: string;
  readonly sandbox: string;
  readonly signal?: AbortSignal | undefined;
}

const MAX_BYTES = 1024 * 1024;

/** What images bring, by their ids, which are hashes of it: reading it costs an engine a process for each file. */
const accounts = new Map<string, Accounts>();
const MAX_ACCOUNTS = 64;

interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

/**
 * What a sandbox finds at its first start beyond its image: volumes whose root belongs to the guest and, where the root file system is kept, an entry for the guest in
 * `passwd` and `group` (without one, programs see no name and no home). `image` is the id of its image.
 */
export async function prepareGuestFiles(
  client: EngineClient,
  container: { readonly id: string; readonly image: string },
  spec: SandboxSpec,
  call: Call,
): Promise<void> {
  const archive = new ContainerArchive(client, container.id, call);
  const entries = [
    ...(await volumeRoots(client, spec, call)),
    ...(await accountEntries(archive, container.image, spec)),
  ];
  if (entries.length > 0) await archive.put('/', entries);
}

/** The roots of its volumes belong to whom the spec says. Where the sandbox's own view is read-only, a helper that is never started sees to it, and nothing is left to do. */
async function volumeRoots(client: EngineClient, spec: SandboxSpec, call: Call): Promise<TarEntry[]> {
  const volumes = spec.mounts.filter((mount) => mount.type === 'volume');
  if (volumes.length === 0 || spec.root.type !== 'image') return [];
  const entry = (path: string, { uid, gid }: { uid: number; gid: number }) => ({
    name: `${path.replace(/^\/+|\/+$/g, '')}/`,
    mode: 0o755,
    uid,
    gid,
  });
  if (!spec.root.readOnly && !volumes.some(({ readOnly }) => readOnly)) {
    return volumes.map(({ target, owner }) => entry(target, owner));
  }
  const mounts = volumes.map(({ volume }, index) => ({ volume, target: `/volume-${index}` }));
  // A name of its own: a task may be called anything.
  const name = ephemeralName();
  // Should we be killed now, cleanup takes it for an ephemeral sandbox of ours, which it might as well be.
  const labels = { ...spec.labels, [LABEL.name]: name, [LABEL.lifecycle]: 'ephemeral' };
  const helper = { name, image: spec.root.image, labels, mounts };
  await withHelper(client, helper, call, (inside) =>
    inside.put(
      '/',
      volumes.map(({ owner }, index) => entry(`volume-${index}`, owner)),
    ),
  );
  return [];
}

async function accountEntries(
  archive: ContainerArchive,
  image: string,
  { lifecycle, root, user, env }: SandboxSpec,
): Promise<TarEntry[]> {
  if (lifecycle !== 'long-lived' || root.readOnly || user.uid === 0) return [];
  const files = accountFiles(user, env.HOME ?? '/', await accountsOf(archive, image));
  return Object.entries(files).map(([name, text]) => ({
    name: `etc/${name}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    content: Buffer.from(text, 'latin1'),
  }));
}

async function accountsOf(archive: ContainerArchive, image: string): Promise<Accounts> {
  const known = accounts.get(image);
  if (known) return known;
  const [passwd, group] = await Promise.all(
    ['passwd', 'group'].map((name) => archive.get(`/etc/${name}`, MAX_BYTES)),
  );
  const read = {
    passwd: passwd?.content.toString('latin1') ?? '',
    group: group?.content.toString('latin1') ?? '',
  };
  // What is missing may be missing because the container has just gone.
  if (passwd && group) remember(image, read);
  return read;
}

function remember(image: string, read: Accounts): void {
  const [oldest] = accounts.keys();
  if (oldest !== undefined && accounts.size >= MAX_ACCOUNTS) accounts.delete(oldest);
  accounts.set(image, read);
}

/** The files that lack an entry for these ids, with one added; a file that has one is left alone. Pure. */
export function accountFiles(
  { uid, gid }: { uid: number; gid: number },
  home: string,
  files: Accounts,
): { passwd?: string; group?: string } {
  const user = freeName(files.passwd, uid);
  const group = freeName(files.group, gid);
  return {
    ...(!hasId(files.passwd, uid) && {
      passwd: withLine(files.passwd, `${user}:x:${uid}:${gid}::${home.replace(/[:\n]/g, '')}:/bin/sh`),
    }),
    ...(!hasId(files.group, gid) && { group: withLine(files.group, `${group}:x:${gid}:`) }),
  };
}

function hasId(file: string, id: number): boolean {
  return file.split('\n').some((line) => line.split(':')[2] === String(id));
}

function freeName(file: string, id: number): string {
  const taken = file.split('\n').some((line) => line.startsWith(`${GUEST_USER_NAME}:`));
  return taken ? `${GUEST_USER_NAME}-${id}` : GUEST_USER_NAME;
}

function withLine(file: string, line: string): string {
  const start = file === '' || file.endsWith('\n') ? file : `${file}\n`;
  return `${start}${line}\n`;
}
