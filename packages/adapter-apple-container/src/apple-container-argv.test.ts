import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readLabels } from '@sandbox/apple-container-client';
import { LABEL, type MountSpec, SandboxError, type SandboxSpec } from '@sandbox/core';
import { AgentDirectory, CommandLine } from '@sandbox/daemonless';
import { type Accepted, containerDouble, parseOnly } from '@sandbox/testbed/apple-container';
import fc from 'fast-check';
import { create } from 'tar';
import { afterAll, describe, expect, it } from 'vitest';
import { AppleContainerAdapter } from './apple-container-adapter.ts';
import { accountArgs, createArgs, execArgs, ownerArgs } from './apple-container-spec.ts';

const MIB = 2 ** 20;

/** As the real grammar reads it, with all that the real command checks by itself. */
function read(args: readonly string[]): Accepted {
  const accepted = parseOnly(args);
  if ('shown' in accepted) throw new Error(`shows ${accepted.shown}: ${args.join(' ')}`);
  return accepted;
}

function configurationOf(args: readonly string[]) {
  const { configuration } = read(args);
  if (configuration === undefined) throw new Error(`makes nothing: ${args.join(' ')}`);
  return configuration;
}

// The real command looks for what it is to share.
const shared = mkdtempSync(join(tmpdir(), 'argv-'));
const agents = join(shared, 'agents');
mkdirSync(agents);
afterAll(() => rmSync(shared, { recursive: true }));

// What a careless command line would take for something else.
const hard = fc.constantFrom(
  ...['', '-', '--', '--rm', '-h', '--help', '--version', '=', 'a=b=c', '-e', '---x', 'ünï\n"\'$x'],
);
const text = fc.string({ unit: 'grapheme' }).filter((one) => !one.includes('\0'));
const word = fc.oneof(hard, text);
const words = fc.tuple(word.filter(Boolean), fc.array(word)).map(([program, rest]) => [program, ...rest]);
const key = fc.stringMatching(/^[A-Za-z_.-][A-Za-z0-9_.-]{0,12}$/);
const variable = word.filter((one) => one !== '' && !one.includes('='));
const name = fc.stringMatching(/^[a-z0-9][a-zA-Z0-9_.-]{1,30}$/);
const segment = fc.oneof(
  fc.constantFrom('a b', '-x', '--', 'q\'"u', 'ünï', '\\', '$HOME', '%2e'),
  fc.stringMatching(/^[a-z0-9_-]{1,8}$/),
);
const hardSegment = fc.constantFrom('a:b', ':', ':ro', 'a,b', ',readonly', 'a=b', '=', 'a\nb', 'a\tb');
const paths = (segments: fc.Arbitrary<string>) =>
  fc.array(segments, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const path = paths(segment);
/** A directory of the host. Commas and equal signs are nothing special where a colon divides. */
const hostPath = paths(fc.oneof(segment, fc.constantFrom('a,b=c', ',ro')));
const nullOr = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const owner = fc.record({ uid: fc.nat(70_000), gid: fc.nat(70_000) });
const readOnly = fc.boolean();

function mounts(source: fc.Arbitrary<string>, target: fc.Arbitrary<string>): fc.Arbitrary<MountSpec[]> {
  const type = <T extends string>(one: T) => fc.constant(one);
  const from = source.map((one) => shared + one);
  const sizeBytes = fc.integer({ min: MIB, max: 2 ** 34 });
  const mode = fc.constantFrom(0o750, 0o755, 0o1777);
  const one: fc.Arbitrary<MountSpec> = fc.oneof(
    fc.record({ type: type('bind'), source: from, target, readOnly }),
    fc.record({ type: type('volume'), volume: name, target, readOnly, owner }),
    fc.record({ type: type('tmpfs'), target, sizeBytes, mode, owner, exec: fc.constant(true) }),
  );
  const unique = (mount: MountSpec) => (mount.type === 'bind' ? mount.source : mount.target);
  return fc.uniqueArray(one, { maxLength: 5, selector: ({ target }) => target }).map((all) => {
    const seen = new Set<string>([agents]);
    return all.filter((mount) => !seen.has(unique(mount)) && seen.add(unique(mount)));
  });
}

const specWith = (mounted: fc.Arbitrary<MountSpec[]>): fc.Arbitrary<SandboxSpec> =>
  fc.record({
    name,
    labels: fc.dictionary(key, word),
    lifecycle: fc.constantFrom('ephemeral', 'long-lived'),
    root: fc.record({ type: fc.constant('image' as const), image: word, readOnly }),
    argv: words,
    env: fc.dictionary(variable, word),
    workdir: path,
    user: owner.map((ids) => ({ ...ids, allowRoot: false })),
    mounts: mounted,
    agent: fc.constant({ digest: 'abc', path: () => '/dev/null' }),
    limits: fc.record({
      memoryBytes: nullOr(fc.integer({ min: 200 * MIB, max: 2 ** 40 })),
      cpus: nullOr(fc.integer({ min: 1, max: 64 })),
      pids: fc.constant(null),
      openFiles: nullOr(fc.integer({ min: 1, max: 2 ** 20 })),
      fileSizeBytes: nullOr(fc.integer({ min: 1, max: 2 ** 40 })),
      diskBytes: fc.constant(null),
    }),
    network: fc.constantFrom('none', 'full'),
    security: fc.record({
      capabilities: nullOr(fc.subarray(['CHOWN', 'KILL', 'SETUID'])),
      noNewPrivileges: fc.constant(false),
      seccomp: fc.constant(false),
    }),
  });
const spec = specWith(mounts(hostPath, path));

describe('every argv that makes a sandbox', () => {
  it('is accepted, and means what the spec says', () => {
    fc.assert(
      fc.property(spec, (one) => {
        makeSources(one.mounts);
        const args = createArgs(one, agents);
        const { command, values } = read(args);
        expect([command, values.image]).toEqual(['create', one.root.type === 'image' && one.root.image]);
        const {
          process,
          labels,
          mounts: _mounts,
          creationDate: _date,
          image: _image,
          ...rest
        } = configurationOf(args);
        const { memoryBytes, cpus } = one.limits;
        expect(rest).toEqual({
          id: one.name,
          autoRemove: one.lifecycle === 'ephemeral',
          cpus: cpus ?? 4,
          memoryInBytes: memoryBytes === null ? 2 ** 30 : memoryBytes - (memoryBytes % MIB),
          networks: one.network === 'none' ? [] : ['default'],
          readOnly: one.root.readOnly,
          useInit: false,
          capDrop: one.security.capabilities === null ? [] : ['ALL'],
          capAdd: (one.security.capabilities ?? []).map((capability) => `CAP_${capability}`),
        });
        expect(readLabels(labels)).toEqual({ ...one.labels, [LABEL.managed]: 'true' });
        const { environment, ...main } = process;
        expect(pairsOf(environment)).toEqual(one.env);
        expect(main).toEqual({
          executable: one.argv[0],
          arguments: one.argv.slice(1),
          workingDirectory: one.workdir,
          terminal: false,
          user: `${one.user.uid}:${one.user.gid}`,
          rlimits: [
            { limit: 'RLIMIT_CORE', soft: 0, hard: 0 },
            ...rlimit('NOFILE', one.limits.openFiles),
            ...rlimit('FSIZE', one.limits.fileSizeBytes),
          ],
        });
      }),
    );
  });

  it('mounts each directory and disk where the spec says, and nothing else', () => {
    fc.assert(fc.property(spec, (one) => checkMounts(one)));
  });

  it('is not made of a path that it would take apart: that is refused by name', () => {
    const segments = fc.oneof(segment, hardSegment);
    let refusals = 0;
    fc.assert(
      fc.property(specWith(mounts(paths(segments), paths(segments))), (one) => {
        const all = one.mounts.flatMap((mount) =>
          mount.type === 'bind' ? [mount.source, mount.target] : mount.target,
        );
        try {
          createArgs(one, agents);
        } catch (error) {
          const { code, message } = error as SandboxError;
          expect(code).toBe('INVALID_ARGUMENT');
          expect(
            all
              .filter((each) => /[:,=\p{Cc}]/u.test(each))
              .some((each) => message.includes(JSON.stringify(each))),
          ).toBe(true);
          refusals += 1;
          return;
        }
        checkMounts(one);
      }),
    );
    expect(refusals).toBeGreaterThan(10);
  });

  it('is taken by the program itself, which prints what it has understood', async () => {
    const env = { ...process.env, FAKE_CONTAINER_ENGINE: 'none' };
    for (const one of fc.sample(spec, 5)) {
      makeSources(one.mounts);
      const args = createArgs(one, agents);
      const { stdout } = await promisify(execFile)(containerDouble, args, { env });
      const { command, values } = read(args);
      expect(JSON.parse(stdout)).toEqual({ command, values });
    }
  });
});

describe('every argv for what has been made', () => {
  it('opens a session with the words that were given', () => {
    const request = fc.record({ argv: words, env: fc.dictionary(variable, word), user: owner });
    fc.assert(
      fc.property(name, request, (id, one) => {
        const { command, values } = read(execArgs(id, one, { status: 'running', configuration: { id } }));
        expect([command, values]).toEqual([
          'exec',
          {
            containerId: id,
            arguments: one.argv,
            'processFlags.interactive': true,
            'processFlags.user': `${one.user.uid}:${one.user.gid}`,
            ...(Object.keys(one.env).length > 0 && { 'processFlags.env': expect.any(Array) }),
          },
        ]);
        expect(pairsOf(values['processFlags.env'])).toEqual(one.env);
      }),
    );
  });

  it('changes a variable that the sandbox has through the guest’s own env', () => {
    const configuration = { id: 'box', initProcess: { environment: ['HOME=/home/sandbox', 'A=1'] } };
    const request = { argv: ['/agent', 'session'], env: { HOME: '/root', B: '2' } };
    const { values } = read(execArgs('box', request, { status: 'running', configuration }));
    expect(values.arguments).toEqual(['/usr/bin/env', 'HOME=/root', '/agent', 'session']);
    expect(values['processFlags.env']).toEqual(['B=2']);
  });

  it('gives a disk to its owner, and does nothing else', () => {
    const type = fc.constant('volume' as const);
    const disk = fc.record({ type, volume: name, target: path, readOnly, owner });
    fc.assert(
      fc.property(spec, disk, name, (one, mount, helper) => {
        const { id, autoRemove, networks, capDrop, capAdd, mounts, labels, process } = configurationOf(
          ownerArgs(helper, one, mount),
        );
        expect({ id, autoRemove, networks, capDrop, capAdd }).toEqual({
          id: helper,
          autoRemove: true,
          networks: [],
          capDrop: ['ALL'],
          capAdd: ['CAP_CHOWN'],
        });
        expect(mounts).toEqual([
          { type: 'volume', source: mount.volume, destination: '/volume', options: [] },
        ]);
        expect(readLabels(labels)).toMatchObject({ [LABEL.name]: helper, [LABEL.managed]: 'true' });
        expect([process.executable, ...process.arguments, process.user]).toEqual([
          '/bin/chown',
          `${mount.owner.uid}:${mount.owner.gid}`,
          '/volume',
          '0:0',
        ]);
      }),
    );
  });

  it('names a user, with words that its script cannot take for its own', () => {
    fc.assert(
      fc.property(name, word, (id, home) => {
        const user = { raw: { userString: '1000:1001' } };
        const configuration = { id, initProcess: { user, environment: [`HOME=${home}`] } };
        expect(read(accountArgs({ status: 'running', configuration }) ?? []).values).toEqual({
          containerId: id,
          'processFlags.user': '0:0',
          arguments: [
            '/bin/sh',
            '-c',
            expect.any(String),
            'sh',
            '1000',
            '1001',
            expect.stringMatching(/^[^:\n]+$/),
          ],
        });
      }),
    );
  });
});

/** Reads every command line as the real program would, and answers as if there were one container of ours. */
class ReadingCli extends CommandLine {
  readonly seen: [command: string, values: unknown][] = [];
  readonly container: string;

  constructor(container: string) {
    const explain = (cause: Error) => new SandboxError('UNKNOWN', cause.message);
    super({ runtime: 'x', program: '/bin/true', callMs: 5_000, environment: () => ({}), explain });
    this.container = container;
  }

  override async run(args: readonly string[]): Promise<string> {
    const { command, values } = read(args);
    this.seen.push([command, values]);
    if (command !== 'inspect' && command !== 'list') return '[]';
    const status = {
      state: this.seen.some(([said]) => said === 'stop') ? 'stopped' : 'running',
      startedDate: '',
    };
    return JSON.stringify([
      { status, configuration: { id: this.container, labels: { [LABEL.managed]: 'true' } } },
    ]);
  }

  override spawn(args: readonly string[]) {
    const { command, values } = read(args);
    this.seen.push([command, values]);
    return super.spawn([]);
  }
}

describe('every other argv', () => {
  const of = async (
    cli: ReadingCli,
    work: (adapter: AppleContainerAdapter) => Promise<unknown> | undefined,
  ) => {
    cli.seen.length = 0;
    await work(new AppleContainerAdapter(cli, new AgentDirectory(agents), 1_000))?.catch(() => {});
    return cli.seen;
  };

  it('names the sandbox that is meant, whatever it is called', async () => {
    await fc.assert(
      fc.asyncProperty(word, fc.nat(100_000), async (id, graceMs) => {
        const cli = new ReadingCli(id);
        const inspect = ['inspect', { containerIds: [id] }];
        const time = Math.ceil(graceMs / 1000);
        const signal = graceMs > 0 ? 'TERM' : 'KILL';
        expect(await of(cli, (adapter) => adapter.inspect(id))).toEqual([inspect]);
        expect(await of(cli, (adapter) => adapter.stop(id, { graceMs }))).toEqual([
          inspect,
          ['stop', { containerIds: [id], signal, time }],
          inspect,
        ]);
        expect(await of(cli, (adapter) => adapter.stats(id))).toEqual([
          inspect,
          ['stats', { containers: [id], noStream: true, format: 'json' }],
        ]);
        expect(await of(cli, (adapter) => adapter.list())).toEqual([['list', { all: true, format: 'json' }]]);
        const stop = AbortSignal.timeout(20);
        const removal = await of(cli, (adapter) => adapter.remove(id, { signal: stop }));
        expect(removal.slice(0, 2)).toEqual([inspect, ['delete', { containerIds: [id], force: true }]]);
      }),
      { numRuns: 30 },
    );
  });

  it('starts the sandbox that is meant', async () => {
    await fc.assert(
      fc.asyncProperty(word, async (id) => {
        const cli = new ReadingCli(id);
        cli.seen.push(['stop', {}]);
        const adapter = new AppleContainerAdapter(cli, new AgentDirectory(agents), 1_000);
        await adapter.start(id, { attach: true });
        expect(cli.seen[2]).toEqual(['start', { containerId: id, attach: true, interactive: true }]);
        cli.seen.splice(1);
        await adapter.start(id);
        expect(cli.seen[2]).toEqual(['start', { containerId: id }]);
      }),
      { numRuns: 10 },
    );
  });

  it('for images and volumes means what it says, whatever they are called', async () => {
    const cli = new ReadingCli('box');
    const context = create({ sync: true, cwd: import.meta.dirname }, ['index.ts']).read() ?? new Uint8Array();
    const inspect = (image: string) => ['image inspect', { images: [image] }];
    await fc.assert(
      fc.asyncProperty(word, fc.dictionary(key, word), async (one, labels) => {
        expect(await of(cli, ({ images }) => images.pull(one))).toEqual([
          ['image pull', { reference: one, 'progressFlags.progress': 'plain' }],
          inspect(one),
        ]);
        const [built] = await of(cli, ({ images }) =>
          images.build({ tag: one, context, labels, buildArgs: labels }),
        );
        const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
        expect(built).toEqual([
          'build',
          {
            targetImageNames: [one],
            contextDir: expect.any(String),
            file: expect.stringMatching(/\/Dockerfile$/),
            progress: 'plain',
            ...(pairs.length > 0 && { label: pairs, buildArg: pairs }),
          },
        ]);
        const [, made = []] = await of(cli, ({ volumes }) => volumes.ensure(one, labels));
        expect(made).toEqual(['volume create', { name: one, labels: expect.any(Array) }]);
        expect(readLabels(pairsOf((made[1] as { labels: string[] }).labels))).toEqual({
          ...labels,
          [LABEL.managed]: 'true',
        });
      }),
      { numRuns: 50 },
    );
  });

  it('that takes away an image or a volume names what was found', async () => {
    await fc.assert(
      fc.asyncProperty(word, async (one) => {
        const configuration = { name: one, labels: { [LABEL.managed]: 'true' } };
        class Full extends ReadingCli {
          override async run(args: readonly string[]): Promise<string> {
            const answer = await super.run(args);
            return args[0] === 'list' ? answer : JSON.stringify([{ id: '0', configuration }]);
          }
        }
        const cli = new Full('box');
        expect((await of(cli, ({ images }) => images.remove(one))).at(-1)).toEqual([
          'image delete',
          { images: [one], force: true },
        ]);
        expect((await of(cli, ({ volumes }) => volumes.remove(one))).at(-1)).toEqual([
          'volume delete',
          { names: [one] },
        ]);
      }),
      { numRuns: 30 },
    );
  });
});

function makeSources(mounted: readonly MountSpec[]): void {
  for (const mount of mounted) if (mount.type === 'bind') mkdirSync(mount.source, { recursive: true });
}

function checkMounts(one: SandboxSpec): void {
  makeSources(one.mounts);
  const { mounts: found } = configurationOf(createArgs(one, agents));
  const options = (isReadOnly: boolean) => ['nosuid', 'nodev', ...(isReadOnly ? ['ro'] : [])];
  const expected = one.mounts.map((mount) => {
    const { target: destination } = mount;
    if (mount.type === 'bind')
      return { type: 'virtiofs', source: mount.source, destination, options: options(mount.readOnly) };
    if (mount.type === 'volume')
      return { type: 'volume', source: mount.volume, destination, options: options(mount.readOnly) };
    const mode = mount.owner.uid === 0 ? mount.mode : 0o1777;
    const size = mount.sizeBytes - (mount.sizeBytes % MIB);
    return { type: 'tmpfs', source: '', destination, options: [`mode=${mode.toString(8)}`, `size=${size}`] };
  });
  const all = [
    { type: 'virtiofs', source: agents, destination: '/.sandbox', options: options(true) },
    ...expected,
  ];
  const inOrder = (list: readonly { readonly destination: string }[]) =>
    [...list].sort((first, second) => (first.destination < second.destination ? -1 : 1));
  expect(inOrder(found)).toEqual(inOrder(all));
}

function rlimit(limit: string, value: number | null) {
  return value === null ? [] : [{ limit: `RLIMIT_${limit}`, soft: value, hard: value }];
}

function pairsOf(pairs: unknown): Record<string, string> {
  return Object.fromEntries(
    ((pairs as string[] | undefined) ?? []).map((pair) => {
      const cut = pair.indexOf('=');
      return [pair.slice(0, cut), pair.slice(cut + 1)];
    }),
  );
}
