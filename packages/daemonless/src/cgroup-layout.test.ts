import { describe, expect, it } from 'vitest';
import { defaultParent, parseCgroupLayout } from './cgroup-layout.ts';

const line = (point: string, type: string, options: string) =>
  `32 31 0:29 / ${point} rw,relatime shared:9 - ${type} ${type} rw,${options}`;
const v1 = [
  line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
  line('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
  line('/sys/fs/cgroup/pids', 'cgroup', 'pids'),
  line('/sys/fs/cgroup/systemd', 'cgroup', 'name=systemd'),
];

describe('parseCgroupLayout', () => {
  it('knows version 1, with version 2 beside it or without', () => {
    const mounts = { memory: '/sys/fs/cgroup/memory', pids: '/sys/fs/cgroup/pids' };
    const cpu = { cpu: '/sys/fs/cgroup/cpu,cpuacct', cpuacct: '/sys/fs/cgroup/cpu,cpuacct' };
    expect(parseCgroupLayout(v1.join('\n'))).toEqual({
      version: 1,
      v1: { ...mounts, ...cpu },
      unified: null,
    });
    const hybrid = [...v1, line('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate')].join('\n');
    expect(parseCgroupLayout(hybrid)).toMatchObject({ version: 1, unified: '/sys/fs/cgroup/unified' });
  });

  it('knows version 2 alone, and nothing', () => {
    const text = `${line('/', 'ext4', '')}\n${line('/sys/fs/cgroup', 'cgroup2', 'nsdelegate')}\n`;
    expect(parseCgroupLayout(text)).toEqual({ version: 2, v1: {}, unified: '/sys/fs/cgroup' });
    expect(parseCgroupLayout(line('/', 'ext4', ''))).toBe(null);
    expect(parseCgroupLayout('')).toBe(null);
  });
});

describe('defaultParent', () => {
  const layout = (version: 1 | 2) => ({ version, v1: {}, unified: '/sys/fs/cgroup' }) as const;
  const own = '0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n';
  it.each([
    [1, 0, own, '/sandbox'],
    [2, 0, own, '/sandbox'],
    [1, 1000, own, '/sandbox-1000'],
    [2, 1000, own, '/user.slice/user-1000.slice/user@1000.service/app.slice/sandbox'],
    [2, 1000, '0::/\n', '/sandbox-1000'],
  ] as const)('version %d, uid %d, %j: %s', (version, uid, text, parent) => {
    expect(defaultParent(layout(version), uid, text)).toBe(parent);
  });
});
