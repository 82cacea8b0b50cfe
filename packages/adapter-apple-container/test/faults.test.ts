import { text } from 'node:stream/consumers';
import { createAppleContainerAdapter } from '@sandbox/adapter-apple-container';
import { createSandboxes, LABEL, type RuntimeAdapter } from '@sandbox/core';
import { openSession } from '@sandbox/guest';
import { containerDouble } from '@sandbox/testbed/apple-container';
import { create } from 'tar';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { appleContainerForTests, here, sandboxSpec, scope } from './apple-container-here.ts';

/** What the real program does at times; it cannot be asked to. */
const onDouble = here && process.platform !== 'darwin';
const calm = appleContainerForTests();
const hasty = createAppleContainerAdapter({
  program: containerDouble,
  timeouts: { callMs: 1_500, probeMs: 1_500 },
});

function withFaults(faults: string, version?: string): void {
  process.env.FAKE_CONTAINER_FAULTS = faults;
  if (version !== undefined) process.env.FAKE_CONTAINER_VERSION = version;
}

afterEach(() => {
  delete process.env.FAKE_CONTAINER_FAULTS;
  delete process.env.FAKE_CONTAINER_VERSION;
});

interface Place {
  readonly name: string;
  readonly volume: string;
}

const archive = create({ sync: true, cwd: import.meta.dirname }, ['host-program.ts']);
const context = archive.read() ?? new Uint8Array();

/** Each call of the contract, by the first command of the program that it has to wait for. */
const calls: Readonly<
  Record<string, (adapter: RuntimeAdapter, place: Place) => Promise<unknown> | undefined>
> = {
  inspect: (adapter, { name }) => adapter.inspect(name),
  list: (adapter) => adapter.list(),
  stop: (adapter, { name }) => adapter.stop(name, { graceMs: 1_000 }),
  'stop (kill)': (adapter, { name }) => adapter.kill(name),
  delete: (adapter, { name }) => adapter.remove(name),
  'inspect (exec)': (adapter, { name }) => adapter.exec(name, { argv: ['/bin/true'] }),
  stats: (adapter, { name }) => adapter.stats(name),
  'volume-list': ({ volumes }) => volumes?.list(),
  'volume-create': ({ volumes }, { volume }) => volumes?.ensure(`${volume}-new`, { [LABEL.scope]: scope }),
  'volume-delete': ({ volumes }, { volume }) => volumes?.remove(volume),
  'image-inspect': ({ images }) => images?.inspect('debian:bookworm-slim'),
  'image-list': ({ images }) => images?.list(),
  'list (image)': ({ images }) => images?.remove('debian:bookworm-slim'),
  'image-pull': ({ images }) => images?.pull('debian', { signal: AbortSignal.timeout(500) }),
  build: ({ images }) =>
    images?.build(
      { tag: 'x', context },
      {
        signal: AbortSignal.timeout(500),
      },
    ),
};

describe.runIf(onDouble)('a service that does not answer', () => {
  const { name } = sandboxSpec({ lifecycle: 'long-lived' });
  const place = { name, volume: `${name}-data` };

  beforeAll(async () => {
    await calm.create(sandboxSpec({ name, lifecycle: 'long-lived' }));
    await calm.start(name);
    await calm.volumes?.ensure(place.volume, { [LABEL.scope]: scope });
  });

  afterAll(async () => {
    for (const one of await calm.list({ [LABEL.scope]: scope })) await calm.remove(one.name);
    await calm.volumes?.remove(place.volume);
  });

  it.each(Object.entries(calls))('%s gives up in time', async (command, call) => {
    withFaults(`hang:${command.split(' ')[0]}`);
    await expect(call(hasty, place)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    withFaults('');
    expect((await calm.inspect(name)).state).toBe('running');
  });

  it('exec gives a process that can be given up', async () => {
    withFaults('hang:exec');
    const raw = await hasty.exec(name, { argv: ['/bin/cat'] });
    await expect(openSession(raw, { helloTimeoutMs: 300 })).rejects.toThrow();
    expect(await raw.wait()).toMatchObject({ exitCode: null });
  });

  it('create gives up in time, and leaves nothing', async () => {
    const spec = sandboxSpec();
    withFaults('hang:create');
    await expect(hasty.create(spec)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await calm.list({ [LABEL.name]: spec.name })).toEqual([]);
  });

  it('create that is given up while it makes a disk leaves none', async () => {
    const owner = { uid: 1000, gid: 1000 };
    const spec = sandboxSpec();
    const volume = `${spec.name}-home`;
    const isThere = async () => (await calm.volumes?.list())?.some(({ name }) => name === volume);
    const gone = new AbortController();
    const mounts = [
      { type: 'volume', volume, target: '/home/sandbox', readOnly: false, owner, exec: true } as const,
    ];
    const making = calm.create({ ...spec, mounts }, { signal: gone.signal });
    making.catch(() => {});
    await expect.poll(isThere, { interval: 10, timeout: 10_000 }).toBe(true);
    gone.abort();
    await expect(making).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await isThere()).toBe(false);
  });

  it('create that gives up does not take away what another has made under that name', async () => {
    const theirs = sandboxSpec({ labels: { 'dev.sandbox.task': 'theirs' } });
    await calm.create(theirs);
    withFaults('hang:create');
    const mine = sandboxSpec({ name: theirs.name, labels: { 'dev.sandbox.task': 'mine' } });
    await expect(hasty.create(mine)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    withFaults('');
    expect((await calm.inspect(theirs.name)).labels['dev.sandbox.task']).toBe('theirs');
    await calm.remove(theirs.name);
  });

  it('start gives up in time, attached or not', async () => {
    const spec = sandboxSpec();
    await calm.create(spec);
    withFaults('hang:start');
    for (const attach of [true, false] as const) {
      const starting = attach ? hasty.start(spec.name, { attach }) : hasty.start(spec.name);
      await expect(starting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
    withFaults('');
    await calm.remove(spec.name);
  });

  it('probe says so', async () => {
    withFaults('hang:system-status');
    const { status, remedy } = await hasty.probe();
    expect([status, remedy]).toEqual(['unhealthy', expect.stringContaining('container system stop')]);
  });
});

describe.runIf(onDouble)('a service that fails', () => {
  it.each(['xpc-interrupted:list', 'list-timeout', 'stopped'])(
    '%s is UNAVAILABLE, with a way out',
    async (faults) => {
      withFaults(faults);
      await expect(calm.list()).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        hint: expect.stringContaining('container system start'),
      });
    },
  );

  it('of a start is told as the error of the start', async () => {
    const spec = sandboxSpec({ argv: ['/no/such/program'] });
    await calm.create(spec);
    await expect(calm.start(spec.name, { attach: true })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('/no/such/program'),
    });
    await calm.remove(spec.name);
  });
});

describe.runIf(onDouble)('probe', () => {
  it.each([
    ['1.1.0', 'unhealthy', /too old/],
    ['1.2.1', 'healthy', /1\.2\.1/],
    ['1.3.1', 'healthy', /1\.3\.1/],
    ['1.4.1', 'healthy', /1\.4\.1/],
  ])('of %s: %s', async (version, status, message) => {
    withFaults('', version);
    expect(await calm.probe()).toMatchObject({ status, version, message: expect.stringMatching(message) });
  });

  it.each(['1.2.2', '1.4.1'])('says how to start the services of %s', async (version) => {
    withFaults('stopped', version);
    expect(await calm.probe()).toMatchObject({
      status: 'unhealthy',
      remedy: expect.stringContaining('container system start'),
    });
  });

  it('finds nothing where there is none, or another program of that name', async () => {
    for (const program of ['/no/such/container', '/bin/true'])
      expect(await createAppleContainerAdapter({ program }).probe()).toMatchObject({
        status: 'undetected',
        remedy: expect.stringContaining('macOS 26'),
      });
  });
});

describe.runIf(onDouble)('what core makes on it', () => {
  it('goes without what is only a default, and says so', async () => {
    await using sandboxes = createSandboxes({ adapter: appleContainerForTests(), scope });
    const { stdout, enforcement, warnings } = await sandboxes.run([
      'sh',
      '-c',
      'echo $HOME; touch "$HOME/f" && echo mine',
    ]);
    expect(stdout).toBe('/home/sandbox\nmine\n');
    expect(warnings.join()).toMatch(/pids .*no-new-privileges/);
    expect(warnings.join()).not.toMatch(/seccomp/);
    expect([enforcement.pids?.status, enforcement.memory?.status]).toEqual(['unsupported', 'enforced']);
  });

  it('refuses the same by name when somebody asks for it', async () => {
    await using sandboxes = createSandboxes({ adapter: appleContainerForTests(), scope });
    for (const [control, policy] of [
      ['pids', { pids: 100 }],
      ['cpus', { cpus: 0.5 }],
      ['memory', { memoryBytes: 128 * 2 ** 20 }],
      ['disk', { diskBytes: 2 ** 30 }],
    ] as const)
      await expect(sandboxes.run(['true'], { policy })).rejects.toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringContaining(control),
      });
  });
});

describe.runIf(here)('many', () => {
  it('64 sandboxes at once each run their own command', async () => {
    const adapter = appleContainerForTests();
    const script = async (_: unknown, index: number) => {
      const spec = sandboxSpec({ argv: ['/bin/echo', String(index)] });
      await adapter.create(spec);
      return text((await adapter.start(spec.name, { attach: true })).stdout);
    };
    const outputs = await Promise.all(Array.from({ length: 64 }, script));
    expect(outputs).toEqual(outputs.map((_, index) => `${index}\n`));
  });
});
