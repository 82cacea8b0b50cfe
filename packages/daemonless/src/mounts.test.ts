import type { SandboxSpec } from '@sandbox/core';
import { describe, expect, it, test } from 'vitest';
import { coveredNames, rootMounts, specMounts } from './mounts.ts';

const bind = (source: string, target: string, readOnly = false) =>
  ({ type: 'bind', source, target, readOnly }) as const;
const tmpfs = (target: string) =>
  ({ type: 'tmpfs', target, sizeBytes: 4096, mode: 0o1777, owner: { uid: 7, gid: 8 }, exec: false }) as const;
const mounts = (spec: Pick<SandboxSpec, 'mounts' | 'workdir'>, below: Record<string, string[]> = {}) =>
  specMounts(
    spec,
    (mount) => ({
      original: mount.type === 'bind' ? mount.source : '',
      path: mount.type === 'bind' ? mount.source : '/volume',
    }),
    (path) => below[path] ?? [],
    (owner) => owner,
  );

describe('specMounts', () => {
  it('mounts a workspace without devices, whatever its name', () => {
    const source = '/a:b,c=d\n"e';
    expect(mounts({ mounts: [bind(source, '/workspace', true)], workdir: '/' })).toEqual([
      { type: 'bind', source, target: '/workspace', readOnly: true, exec: true },
    ]);
  });

  it('gives what is mounted below a source the same flags', () => {
    const spec = { mounts: [bind('/w', '/workspace', true)], workdir: '/workspace' };
    expect(mounts(spec, { '/w': ['/w/sub', '/w/sub/deep'] })).toMatchObject([
      { target: '/workspace', readOnly: true },
      { source: '/w/sub', target: '/workspace/sub', readOnly: true },
      { source: '/w/sub/deep', target: '/workspace/sub/deep', readOnly: true },
    ]);
  });

  it('keeps a tmpfs as it is asked for, and makes a working directory in it', () => {
    const asked = tmpfs('/tmp');
    expect(mounts({ mounts: [asked], workdir: '/tmp/a b' })).toEqual([
      asked,
      { ...asked, target: '/tmp/a b' },
    ]);
  });
});

test('whatever is mounted at or below a name of the root takes that name from it', () => {
  const names = coveredNames({ mounts: [bind('/w', '/workspace'), tmpfs('/home/sandbox')] });
  expect([...names].toSorted()).toEqual(['.sandbox', 'dev', 'home', 'proc', 'sys', 'workspace']);
});

test('what lies at the top comes before what is mounted into it', () => {
  const all = rootMounts({
    links: [{ name: 'bin', link: 'usr/bin' }],
    directories: [{ name: 'usr', source: '/usr', readOnly: true }],
    overlays: [{ name: 'var', lower: '/l', upper: '/u', work: '/w' }],
    etc: ['/etc/alternatives'],
  });
  const targets = ['/bin', '/usr', '/var', '/etc/alternatives', '/dev', '/dev/shm'];
  expect(all.map(({ target }) => target)).toEqual(targets);
});
