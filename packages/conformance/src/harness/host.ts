import { open, readdir, readFile, readlink } from 'node:fs/promises';
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

/** Type, major and minor number of a device that this host lets us open, and no guest has any business with; undefined where there is none. */
export async function hostDevice(): Promise<
  readonly [type: string, major: string, minor: string] | undefined
> {
  for (const name of ['loop-control', 'kvm', 'sda', 'vda', 'nvme0n1']) {
    const file = await open(`/dev/${name}`).catch(() => undefined);
    if (file === undefined) continue;
    try {
      const stat = await file.stat();
      const minor = (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00);
      return [stat.isBlockDevice() ? 'b' : 'c', String((stat.rdev >>> 8) & 0xfff), String(minor)];
    } finally {
      await file.close();
    }
  }
  return undefined;
}

/** Addresses under which this host answers, loopback left out. */
export function hostAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .map((address) => address.address);
}
