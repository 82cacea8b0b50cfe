import { describe, expect, it } from 'vitest';
import { accountFiles } from './guest-files.ts';
import { parseHostLimits } from './host-limits.ts';
import { buildProgress, PullProgress, progressLines } from './image-progress.ts';
import { imageInfo, parseReference } from './images.ts';
import { type ContainerAnswer, infoOf, stateOf } from './inspect.ts';
import { Memo } from './memo.ts';
import { networkName } from './network.ts';
import { engineFacts, hasDiskQuota, hasRecursiveReadOnly } from './read-engine-facts.ts';
import { statsOf } from './stats.ts';
import { firstFile, type TarEntry, tarArchive } from './tar.ts';

describe('tar', () => {
  it('writes what it can read, large ids included', async () => {
    const content = Buffer.from('hello');
    const archive = tarArchive([{ name: 'etc/passwd', mode: 0o111, uid: 3_000_000_000, gid: 7, content }]);
    expect(archive.length % 512).toBe(0);
    expect(await firstFile(archive)).toEqual({ mode: 0o111, uid: 3_000_000_000, content });
    const [empty, second] = ['empty', 'second'].map((name) => ({ name, mode: 0o644, uid: 0, gid: 0 })) as [
      TarEntry,
      TarEntry,
    ];
    expect(await firstFile(tarArchive([empty, { ...second, content }]))).toMatchObject({ mode: 0o644 });
    expect((await firstFile(tarArchive([empty])))?.content).toHaveLength(0);
  });

  it('takes no directory for a file, nor a file that is cut off', async () => {
    expect(await firstFile(tarArchive([{ name: 'd/', mode: 0o755, uid: 0, gid: 0 }]))).toBeNull();
    const archive = tarArchive([{ name: 'f', mode: 0o644, uid: 0, gid: 0, content: Buffer.alloc(2000) }]);
    expect(await firstFile(archive.subarray(0, 1024))).toBeNull();
    expect(await firstFile(Buffer.alloc(0))).toBeNull();
  });
});

describe('accountFiles', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/sh';
  const group = 'root:x:0:\n';

  it('adds the entries that are missing', () => {
    expect(accountFiles({ uid: 1234, gid: 55 }, '/home/sandbox', { passwd, group })).toEqual({
      passwd: `${passwd}\nsandbox:x:1234:55::/home/sandbox:/bin/sh\n`,
      group: `${group}sandbox:x:55:\n`,
    });
  });

  it('leaves alone what has one, and takes another name where ours is taken', () => {
    expect(accountFiles({ uid: 1000, gid: 0 }, '/h', { passwd, group })).toEqual({});
    const taken = 'sandbox:x:9:9::/:/bin/sh\n';
    expect(accountFiles({ uid: 1000, gid: 0 }, '/h', { passwd: taken, group }).passwd).toContain(
      'sandbox-1000:x:1000:0:',
    );
  });

  it('writes no second line by way of HOME', () => {
    expect(
      accountFiles({ uid: 5, gid: 0 }, '/h\nevil:x:0:0::/:/bin/sh', { passwd, group }).passwd?.split('\n'),
    ).toHaveLength(4);
  });
});

describe('parseHostLimits', () => {
  const limits =
    'Limit  Soft Limit  Hard Limit  Units\nMax processes             96365                96365                processes\nMax open files            1024                 20000                files\n';
  it('knows what an engine without CAP_SYS_RESOURCE cannot raise', () => {
    expect(parseHostLimits('CapEff:\t000001fffeffffff\n', limits)).toEqual({
      openFiles: 20000,
      processes: 96365,
    });
    expect(parseHostLimits('CapEff:\t000001ffffffffff\n', limits)).toEqual({
      openFiles: null,
      processes: null,
    });
    expect(parseHostLimits('nothing', limits)).toEqual({ openFiles: null, processes: null });
  });
});

describe('images', () => {
  it.each([
    ['debian', 'debian', 'latest'],
    ['debian:bookworm-slim', 'debian', 'bookworm-slim'],
    ['localhost:5000/a/b', 'localhost:5000/a/b', 'latest'],
    ['localhost:5000/a/b:1', 'localhost:5000/a/b', '1'],
    ['a/b@sha256:abc', 'a/b', 'sha256:abc'],
    ['a/b:1@sha256:abc', 'a/b', 'sha256:abc'],
  ])('%s', (image, name, tag) => {
    expect(parseReference(image)).toEqual({ name, tag });
  });

  it('tells of an image what a sandbox needs of it', () => {
    const info = imageInfo({
      Id: 'sha256:1',
      RepoTags: ['a:1', '<none>:<none>'],
      Size: 5,
      Created: '2026-01-01T00:00:00Z',
      Architecture: 'amd64',
      Config: {
        Env: ['PATH=/bin:/x=y', 'ODD'],
        WorkingDir: '/app',
        Cmd: ['sh'],
        Volumes: { '/data': {} },
        Labels: null,
      },
    });
    expect(info).toMatchObject({
      tags: ['a:1'],
      env: { PATH: '/bin:/x=y', ODD: '' },
      workdir: '/app',
      command: ['sh'],
      volumes: ['/data'],
      labels: {},
    });
  });
});

describe('progress', () => {
  it('adds up the layers and never goes back', () => {
    const progress = new PullProgress();
    const detail = (current: number, total: number) => ({ progressDetail: { current, total } });
    progress.take({ status: 'Pulling fs layer', id: 'a' });
    expect(progress.take({ status: 'Downloading', id: 'a', ...detail(10, 100) })).toMatchObject({
      current: 10,
      total: 100,
    });
    expect(progress.take({ status: 'Downloading', id: 'b', ...detail(50, 50) })).toMatchObject({
      current: 60,
      total: 150,
    });
    expect(progress.take({ status: 'Extracting', id: 'b', ...detail(1, 50) })).toMatchObject({
      current: 60,
      total: 150,
    });
    expect(progress.take({ status: 'Pull complete', id: 'a' })).toMatchObject({ current: 150, total: 150 });
    expect(progress.take({ status: 'Status: done' })).toMatchObject({
      message: 'Status: done',
      current: 150,
    });
  });

  it('counts the steps of a build', () => {
    expect(buildProgress({ stream: 'Step 2/5 : RUN x\n' })).toEqual({
      message: 'Step 2/5 : RUN x',
      current: 2,
      total: 5,
    });
    expect(buildProgress({ stream: 'STEP 2/5: RUN x\n' })).toMatchObject({ current: 2, total: 5 });
    expect(buildProgress({ stream: ' ---> Running\n' })).toEqual({ message: ' ---> Running' });
    expect(buildProgress({ aux: { ID: 'x' } })).toBeNull();
  });

  it('reads lines however they are cut', async () => {
    const bytes = Buffer.from('{"status":"ä"}\n\n{"status":"b"}\r\n{"status":"c"}');
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
    const seen: unknown[] = [];
    for await (const line of progressLines(
      (async function* () {
        yield* pieces;
      })(),
    ))
      seen.push(line.status);
    expect(seen).toEqual(['ä', 'b', 'c']);
  });
});

describe('small mappings', () => {
  it('states', () => {
    expect(['created', 'running', 'paused', 'exited', 'dead', 'removing', 'odd'].map(stateOf)).toEqual([
      'created',
      'running',
      'paused',
      'stopped',
      'stopped',
      'stopped',
      'unknown',
    ]);
  });

  it.each([
    ['created', '0001-01-01T00:00:00Z', 'created'],
    ['created', undefined, 'created'],
    // Podman, of one that ran when the machine lost its power.
    ['created', '2026-11-30T06:27:28.238023135Z', 'stopped'],
    ['running', '2026-11-30T06:27:28.238023135Z', 'running'],
  ])('%s, started at %s, is %s', (Status, StartedAt, state) => {
    const answer = {
      ...{ Id: 'id', Image: 'sha256:0', Name: '/box', Created: '2026-11-30T06:27:28Z' },
      ...{ State: { Status, StartedAt, ExitCode: 0 }, Config: { Image: 'debian' }, HostConfig: {} },
    } as ContainerAnswer;
    expect(infoOf(answer)).toMatchObject({ state, ...(state === 'stopped' && { exitCode: null }) });
  });

  it('stats without droppable cache, on both versions of cgroup', () => {
    const answer = (stats: Record<string, number>) => ({
      memory_stats: { usage: 100, limit: 1000, stats },
      cpu_stats: { cpu_usage: { total_usage: 5e6 } },
      pids_stats: { current: 3 },
    });
    const expected = { memoryBytes: 60, memoryLimitBytes: 1000, cpuMs: 5, pids: 3 };
    expect(statsOf(answer({ total_inactive_file: 40, inactive_file: 1 }))).toEqual(expected);
    expect(statsOf(answer({ inactive_file: 40 }))).toEqual(expected);
    expect(statsOf({ memory_stats: {}, cpu_stats: { cpu_usage: { total_usage: 0 } } })).toBeNull();
  });

  it('one network for each scope', () => {
    expect(networkName({})).toBe('sandbox-network');
    expect(networkName({ 'dev.sandbox.scope': 'a/b c' })).toBe('sandbox-network-a-b-c');
  });

  it('facts of an engine', () => {
    const facts = engineFacts(
      { Version: '27.0', ApiVersion: '1.46', Arch: 'arm64' },
      {
        Driver: 'overlay2',
        DriverStatus: [['Backing Filesystem', 'xfs']],
        SecurityOptions: ['name=seccomp,profile=builtin', 'name=rootless'],
        CgroupVersion: '2',
      },
    );
    expect(facts).toMatchObject({
      apiVersion: [1, 46],
      architecture: 'arm64',
      rootless: true,
      seccomp: true,
      usernsRemap: false,
      cgroupVersion: '2',
    });
    expect(hasRecursiveReadOnly(facts)).toBe(false);
    expect(hasRecursiveReadOnly({ ...facts, kernel: [5, 12] })).toBe(true);
    expect(hasRecursiveReadOnly({ ...facts, kernel: [6, 1], apiVersion: [1, 43] })).toBe(false);
    expect(hasDiskQuota(facts)).toBe(true);
    expect(hasDiskQuota({ ...facts, backingFilesystem: 'extfs' })).toBe(false);
  });

  it('work that failed is done again', async () => {
    const memo = new Memo<number>();
    await expect(memo.get(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(memo.get(async () => 1)).resolves.toBe(1);
    await expect(memo.get(async () => 2)).resolves.toBe(1);
  });
});
