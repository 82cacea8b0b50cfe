import { readdir, readFile, readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';

/** Pids on this host whose command line or environment holds a text; null where the host does not see the guests' processes. */
export async function hostProcessesWith(text: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
      const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ') Z');
      const isZombie = /\) [ZX]/.test(stat);
      return line.includes(text) && !isZombie && Number(pid) !== process.pid ? Number(pid) : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

export function hostNamespace(name: string): Promise<string> {
  return readlink(`/proc/self/ns/${name}`).catch(() => 'none');
}

/** Major and minor number of one of this host's disks; undefined where it tells of none. */
export async function hostDisk(): Promise<readonly [string, string] | undefined> {
  const partitions = await readFile('/proc/partitions', 'utf8').catch(() => '');
  const [, major, minor] = /^ *(\d+) +(\d+) +\d+ (?!loop|ram|zram)\S+$/m.exec(partitions) ?? [];
  return major === undefined || minor === undefined ? undefined : [major, minor];
}

/** Addresses under which this host answers, loopback left out. */
export function hostAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .map((address) => address.address);
}
