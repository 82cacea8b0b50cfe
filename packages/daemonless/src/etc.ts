import { createHash } from 'node:crypto';
import { chmodSync, existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { makeOwned } from './directories.ts';
import type { Ids } from './ids.ts';
import type { StateDirectory } from './state.ts';

/** Of the host's `/etc`, what programs need and what holds nothing of the host's own. */
const HOST_FILES = [
  ...[
    '/etc/ld.so.cache',
    '/etc/alternatives',
    '/etc/ssl/certs',
    '/etc/ssl/openssl.cnf',
    '/etc/pki/tls/certs',
  ],
  ...['/etc/pki/ca-trust', '/etc/ca-certificates', '/etc/crypto-policies'],
];
const OS_RELEASE = '../usr/lib/os-release';

interface Etc {
  readonly files: Readonly<Record<string, string>>;
  readonly links: Readonly<Record<string, string>>;
  /** Files and directories of the host that are mounted into it. */
  readonly hostFiles: readonly string[];
}

/** The `/etc` of sandboxes on the host's root with this user: made once for all that have the same. */
export function makeEtc(
  user: Ids,
  state: StateDirectory,
): { readonly source: string; readonly hostFiles: readonly string[] } {
  const hasRelease = existsSync(posix.join('/etc', OS_RELEASE));
  const etc: Etc = {
    files: filesFor(user),
    links: hasRelease ? { 'os-release': OS_RELEASE } : {},
    hostFiles: HOST_FILES.filter((path) => existsSync(path)),
  };
  // Another version of ours, and a host that has more, make another one.
  const digest = createHash('sha256').update(JSON.stringify(etc)).digest('hex').slice(0, 12);
  const source = state.shared('etc', `${user.uid}-${user.gid}-${digest}`, (draft) => write(draft, etc));
  return { source, hostFiles: etc.hostFiles };
}

/** Who the guest is, and where names are looked up. Pure. */
function filesFor({ uid, gid }: Ids): Record<string, string> {
  const guest = uid === 0 ? '' : `sandbox:x:${uid}:${gid}:sandbox:/home/sandbox:/bin/sh\n`;
  const nobody = [uid, gid].includes(65_534) ? '' : 'nobody';
  return {
    passwd: `root:x:0:0:root:/root:/bin/sh\n${guest}${nobody && `${nobody}:x:65534:65534:nobody:/:/usr/sbin/nologin\n`}`,
    group: `root:x:0:\n${gid === 0 ? '' : `sandbox:x:${gid}:\n`}${nobody && 'nogroup:x:65534:\n'}`,
    hosts: '127.0.0.1 localhost jail\n::1 localhost jail\n',
    hostname: 'jail\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    'resolv.conf': '',
  };
}

/** With places for what is the host's. */
function write(directory: string, { files, links, hostFiles }: Etc): void {
  const writeFile = (path: string, text: string) => {
    writeFileSync(path, text);
    chmodSync(path, 0o644);
  };
  const make = (path: string) => makeOwned(path, 0o755, { uid: 0, gid: 0 });
  for (const [name, text] of Object.entries(files)) writeFile(join(directory, name), text);
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(directory, name));
  // There to be refused, as programs expect it.
  writeFileSync(join(directory, 'shadow'), '', { mode: 0 });
  for (const source of hostFiles) {
    const path = join(directory, source.slice('/etc'.length));
    if (dirname(path) !== directory) make(dirname(path));
    if (statSync(source).isDirectory()) make(path);
    else writeFile(path, '');
  }
}
