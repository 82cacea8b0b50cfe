import { PassThrough, Transform, Writable } from 'node:stream';
import {
  type Capabilities,
  type Control,
  type RawProcess,
  type RuntimeAdapter,
  SandboxError,
  type SandboxSpec,
} from '@sandbox/core';

/** An adapter with one defect, and the case that is there to find it. */
export interface BrokenVariant {
  readonly name: string;
  readonly intended: string;
  /** Needs what core goes by: made from a reference adapter that claims it. */
  readonly claims?: boolean;
  readonly breakIt: (sound: RuntimeAdapter) => RuntimeAdapter;
}

type Start = (name: string, options?: { attach?: boolean }) => Promise<RawProcess | undefined>;

/** Changes every process that the adapter opens. */
function withProcesses(sound: RuntimeAdapter, change: (raw: RawProcess) => RawProcess): RuntimeAdapter {
  const start: Start = async (name, options) => {
    const raw = await (sound.start as Start)(name, options);
    return raw && change(raw);
  };
  return {
    ...sound,
    start: start as RuntimeAdapter['start'],
    exec: async (...given) => change(await sound.exec(...given)),
  };
}

function withSpec(sound: RuntimeAdapter, change: (spec: SandboxSpec) => SandboxSpec): RuntimeAdapter {
  return { ...sound, create: (spec, call) => sound.create(change(spec), call) };
}

function supporting(capabilities: Capabilities, control: Control): Capabilities {
  const claimed = { support: 'enforced', how: 'so it says' } as const;
  return { ...capabilities, controls: { ...capabilities.controls, [control]: claimed } };
}

function claiming(sound: RuntimeAdapter, control: Control): RuntimeAdapter {
  return {
    ...sound,
    capabilities: supporting(sound.capabilities, control),
    probe: async (call) => {
      const result = await sound.probe(call);
      return { ...result, capabilities: supporting(result.capabilities, control) };
    },
  };
}

function through(raw: RawProcess, stdout: Transform): RawProcess {
  raw.stdout.pipe(stdout);
  return { ...raw, stdout };
}

/** Holds everything back by so many bytes, and forgets those. */
function dropLast(count: number): Transform {
  let held = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const all = Buffer.concat([held, chunk]);
      held = all.subarray(Math.max(0, all.length - count));
      done(null, all.subarray(0, Math.max(0, all.length - count)));
    },
  });
}

function asText(): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, Buffer.from(chunk.toString('utf8'))),
  });
}

/** What keeps detached commands is started without being told its key. */
function withoutInitKey(spec: SandboxSpec): SandboxSpec {
  return spec.argv[1] === 'init' ? { ...spec, argv: spec.argv.slice(0, 2) } : spec;
}

export const brokenVariants: readonly BrokenVariant[] = [
  {
    name: 'leaves words of the main process out',
    intended: 'detached/by-name',
    claims: true,
    breakIt: (sound) => withSpec(sound, withoutInitKey),
  },
  {
    name: "ends everything with a session's end",
    intended: 'detached/outlives',
    claims: true,
    breakIt: (sound) => ({
      ...sound,
      exec: async (name, request, call) => {
        const raw = await sound.exec(name, request, call);
        void raw.wait().then(() => sound.kill(name));
        return raw;
      },
    }),
  },
  {
    name: 'stops in name only',
    intended: 'detached/stop',
    claims: true,
    breakIt: (sound) => ({ ...sound, stop: () => Promise.resolve() }),
  },
  {
    name: 'brings a sandbox that was ended back to life when it is asked about',
    intended: 'detached/killed-sandbox',
    claims: true,
    breakIt: (sound) => ({
      ...sound,
      exec: async (name, request, call) => {
        await sound.start(name);
        return sound.exec(name, request, call);
      },
    }),
  },
  {
    name: "shows commands the sandbox's labels",
    intended: 'detached/key-hidden',
    claims: true,
    breakIt: (sound) =>
      withSpec(sound, (spec) => ({ ...spec, env: { ...spec.env, LABELS: JSON.stringify(spec.labels) } })),
  },
  {
    name: 'drops the last bytes of stdout',
    intended: 'raw-process/last-bytes',
    breakIt: (sound) => withProcesses(sound, (raw) => through(raw, dropLast(3))),
  },
  {
    name: 'mixes stderr into stdout',
    intended: 'raw-process/stderr-apart',
    breakIt: (sound) =>
      withProcesses(sound, (raw) => {
        const both = new PassThrough();
        raw.stdout.pipe(both, { end: false });
        raw.stderr.pipe(both, { end: false });
        void raw.wait().then(() => both.end());
        const none = new PassThrough();
        none.end();
        return { ...raw, stdout: both, stderr: none };
      }),
  },
  {
    name: 'reads output as text',
    intended: 'raw-process/stdout-bytes',
    breakIt: (sound) => withProcesses(sound, (raw) => through(raw, asText())),
  },
  {
    name: 'takes every end for a success',
    intended: 'raw-process/exit-42',
    breakIt: (sound) =>
      withProcesses(sound, (raw) => ({ ...raw, wait: () => raw.wait().then(() => ({ exitCode: 0 })) })),
  },
  {
    name: "takes a killed process's end for a success",
    intended: 'lifecycle/ephemeral-kill',
    breakIt: (sound) =>
      withProcesses(sound, (raw) => ({
        ...raw,
        wait: () => raw.wait().then(({ exitCode }) => ({ exitCode: exitCode ?? 0 })),
      })),
  },
  {
    name: 'says that a process is gone before its output is',
    intended: 'raw-process/wait-after-streams',
    breakIt: (sound) =>
      withProcesses(sound, (raw) => ({ ...raw, wait: () => Promise.resolve({ exitCode: null }) })),
  },
  {
    name: "keeps stdin's end to itself",
    intended: 'raw-process/stdin-end',
    breakIt: (sound) =>
      withProcesses(sound, (raw) => ({
        ...raw,
        stdin: new Writable({ write: (chunk, _encoding, done) => void raw.stdin.write(chunk, done) }),
      })),
  },
  {
    name: 'takes all output there is, whether or not anybody reads it',
    intended: 'raw-process/back-pressure',
    breakIt: (sound) =>
      withProcesses(sound, (raw) => through(raw, new PassThrough({ highWaterMark: 1024 ** 3 }))),
  },
  {
    name: 'hands argv to a shell',
    intended: 'raw-process/argument-spaces-inside',
    breakIt: (sound) =>
      withSpec(sound, (spec) => {
        const [shell = '', option = '', script = '', ...words] = spec.argv;
        if (option !== '-c') return spec;
        return { ...spec, argv: [shell, option, `set -- ${words.slice(1).join(' ')}\n${script}`, 'sh'] };
      }),
  },
  {
    name: 'ignores the environment',
    intended: 'raw-process/environment-with-equal-signs',
    breakIt: (sound) => withSpec(sound, (spec) => ({ ...spec, env: {} })),
  },
  {
    name: "lets the host's environment in",
    intended: 'raw-process/environment-clean',
    breakIt: (sound) =>
      withSpec(sound, (spec) => ({
        ...spec,
        env: { ...(process.env as Record<string, string>), ...spec.env },
      })),
  },
  {
    name: 'ignores the working directory',
    intended: 'raw-process/workdir-made',
    breakIt: (sound) => withSpec(sound, (spec) => ({ ...spec, workdir: '/tmp' })),
  },
  {
    name: 'runs the main process when it is made',
    intended: 'raw-process/not-run-before-start',
    breakIt: (sound) => ({
      ...sound,
      create: async (spec, call) => {
        const result = await sound.create({ ...spec, lifecycle: 'long-lived' }, call);
        await sound.start(spec.name, call);
        return result;
      },
    }),
  },
  {
    name: 'says removed while it is not',
    intended: 'lifecycle/remove-when-running',
    breakIt: (sound) => ({ ...sound, remove: () => Promise.resolve(), close: sound.close }),
  },
  {
    name: 'removes the record, and leaves the processes',
    intended: 'leftovers/process-after-remove',
    breakIt: (sound) => {
      const hidden = new Set<string>();
      return {
        ...sound,
        remove: async (name) => void hidden.add(name),
        inspect: async (name, call) => {
          if (hidden.has(name)) throw new SandboxError('NOT_FOUND', name, { runtime: sound.runtime });
          return sound.inspect(name, call);
        },
        list: async (...given) => (await sound.list(...given)).filter(({ name }) => !hidden.has(name)),
        // What the case looked for must not outlive the test.
        close: async () => {
          for (const name of hidden) await sound.remove(name);
          await sound.close();
        },
      };
    },
  },
  {
    name: 'throws when what is to be removed is gone',
    intended: 'lifecycle/remove-when-missing',
    breakIt: (sound) => ({
      ...sound,
      remove: async (name, call) => {
        await sound.inspect(name);
        await sound.remove(name, call);
      },
    }),
  },
  {
    name: 'throws when what is to be stopped does not run',
    intended: 'lifecycle/stop-when-stopped',
    breakIt: (sound) => ({
      ...sound,
      stop: async (name, call) => {
        if ((await sound.inspect(name)).state !== 'running')
          throw new SandboxError('FAILED_PRECONDITION', name);
        await sound.stop(name, call);
      },
    }),
  },
  {
    name: 'refuses to start what runs',
    intended: 'lifecycle/start-when-running',
    breakIt: (sound) => ({
      ...sound,
      start: (async (name: string, call: { attach?: false }) => {
        if ((await sound.inspect(name)).state === 'running')
          throw new SandboxError('FAILED_PRECONDITION', name);
        return sound.start(name, call);
      }) as RuntimeAdapter['start'],
    }),
  },
  {
    name: 'starts afresh what runs already',
    intended: 'idempotence/start-twice',
    breakIt: (sound) => ({
      ...sound,
      start: (async (name: string, call: { attach?: false }) => {
        await sound.kill(name);
        return sound.start(name, call);
      }) as RuntimeAdapter['start'],
    }),
  },
  {
    name: 'starts what is stopped when something is to be run in it',
    intended: 'lifecycle/exec-when-stopped',
    breakIt: (sound) => ({
      ...sound,
      exec: async (name, request, call) => {
        await sound.start(name);
        return sound.exec(name, request, call);
      },
    }),
  },
  {
    name: 'does not kill',
    intended: 'lifecycle/kill-when-running',
    breakIt: (sound) => ({ ...sound, kill: () => Promise.resolve() }),
  },
  {
    name: 'says running of what was stopped',
    intended: 'lifecycle/inspect-when-stopped',
    breakIt: (sound) => ({
      ...sound,
      inspect: async (...given) => {
        const info = await sound.inspect(...given);
        return info.state === 'stopped' ? { ...info, state: 'running' } : info;
      },
    }),
  },
  {
    name: 'loses the files when it stops',
    intended: 'lifecycle/files-survive-a-stop',
    breakIt: (sound) => {
      const specs = new Map<string, SandboxSpec>();
      return {
        ...sound,
        create: (spec, call) => {
          specs.set(spec.name, spec);
          return sound.create(spec, call);
        },
        stop: async (name, call) => {
          const spec = specs.get(name);
          await sound.remove(name, call);
          if (spec) await sound.create(spec);
        },
      };
    },
  },
  {
    name: 'keeps ephemeral sandboxes',
    intended: 'lifecycle/ephemeral-gone',
    breakIt: (sound) => withSpec(sound, (spec) => ({ ...spec, lifecycle: 'long-lived' })),
  },
  {
    name: 'gives a name that is taken to the next one',
    intended: 'lifecycle/create-when-running',
    breakIt: (sound) => ({
      ...sound,
      create: async (spec, call) => {
        await sound.remove(spec.name);
        return sound.create(spec, call);
      },
    }),
  },
  {
    name: 'ignores labels when it lists',
    intended: 'labels/list-by-one',
    breakIt: (sound) => ({ ...sound, list: (_labels, call) => sound.list({}, call) }),
  },
  {
    name: 'lists what carries one label of several',
    intended: 'labels/list-by-all',
    breakIt: (sound) => ({
      ...sound,
      list: (labels = {}, call) => sound.list(Object.fromEntries(Object.entries(labels).slice(-1)), call),
    }),
  },
  {
    name: 'does not list what is stopped',
    intended: 'lifecycle/list-when-stopped',
    breakIt: (sound) => ({
      ...sound,
      list: async (...given) => (await sound.list(...given)).filter(({ state }) => state !== 'stopped'),
    }),
  },
  {
    name: 'lists what is not ours',
    intended: 'labels/list-managed',
    breakIt: (sound) => ({
      ...sound,
      list: async (...given) => [
        ...(await sound.list(...given)),
        { name: 'foreign', state: 'running', labels: {} },
      ],
    }),
  },
  {
    name: 'cuts labels at a comma',
    intended: 'labels/kept',
    breakIt: (sound) =>
      withSpec(sound, (spec) => ({
        ...spec,
        labels: Object.fromEntries(
          Object.entries(spec.labels).map(([name, value]) => [name, value.split(',')[0] ?? '']),
        ),
      })),
  },
  {
    name: 'throws when it is probed',
    intended: 'probe/never-throws',
    breakIt: (sound) => ({ ...sound, probe: () => Promise.reject(new Error('no runtime')) }),
  },
  {
    name: 'can do more here than anywhere',
    intended: 'probe/never-more',
    breakIt: (sound) => ({ ...claiming(sound, 'disk'), capabilities: sound.capabilities }),
  },
  {
    name: 'changes its capabilities when it is probed',
    intended: 'probe/never-changed',
    breakIt: (sound) => {
      const capabilities = structuredClone(sound.capabilities) as { boundary: string };
      return {
        ...sound,
        capabilities: capabilities as Capabilities,
        probe: (call) => {
          capabilities.boundary = capabilities.boundary === 'vm' ? 'process' : 'vm';
          return sound.probe(call);
        },
      };
    },
  },
  {
    name: 'forgets a control in its capabilities',
    intended: 'probe/every-control',
    breakIt: (sound) => {
      const { seccomp: _forgotten, ...controls } = sound.capabilities.controls;
      return { ...sound, capabilities: { ...sound.capabilities, controls } as Capabilities };
    },
  },
  {
    name: 'claims no-new-privileges, and does not set it',
    intended: 'isolation/no-new-privileges',
    breakIt: (sound) =>
      claiming(
        withSpec(sound, (spec) => ({ ...spec, security: { ...spec.security, noNewPrivileges: false } })),
        'no-new-privileges',
      ),
  },
  {
    name: 'claims namespaces, and has none',
    intended: 'isolation/namespace-pid',
    breakIt: (sound) => claiming(sound, 'namespaces'),
  },
  {
    name: 'claims namespaces, and shows the files of the host',
    intended: 'isolation/host-files',
    breakIt: (sound) => claiming(sound, 'namespaces'),
  },
  {
    name: 'claims network none, and has the network of the host',
    intended: 'network/none-routes',
    breakIt: (sound) =>
      claiming(
        withSpec(sound, (spec) => ({ ...spec, network: 'full' })),
        'network-none',
      ),
  },
  {
    name: 'accepts a limit, and drops it',
    intended: 'limits/open-files-bite',
    breakIt: (sound) => ({
      ...sound,
      create: async (spec, call) => {
        const dropped = { ...spec, limits: { ...spec.limits, openFiles: null } };
        const { info, readback } = await sound.create(dropped, call);
        const lie = {
          control: 'open-files',
          status: 'enforced',
          effective: spec.limits.openFiles,
          how: 'asked',
        } as const;
        return { info, readback: spec.limits.openFiles === null ? readback : [...readback, lie] };
      },
    }),
  },
  {
    name: 'accepts a control that it does not have',
    intended: 'enforcement/memory',
    breakIt: (sound) =>
      withSpec(sound, (spec) => ({ ...spec, limits: { ...spec.limits, memoryBytes: null } })),
  },
  {
    name: 'reads back what was asked, and not what is',
    intended: 'enforcement/readback-is-true',
    breakIt: (sound) => ({
      ...sound,
      create: async (spec, call) => {
        const half = { ...spec, limits: { ...spec.limits, openFiles: 64 } };
        const { info, readback } = await sound.create(half, call);
        const lie = readback.map((row) =>
          row.control === 'open-files' ? { ...row, effective: spec.limits.openFiles } : row,
        );
        return { info, readback: lie };
      },
    }),
  },
  {
    name: 'reads nothing back',
    intended: 'enforcement/open-files',
    breakIt: (sound) => ({
      ...sound,
      create: async (...given) => ({ info: (await sound.create(...given)).info, readback: [] }),
    }),
  },
  {
    name: 'does not heed a signal',
    intended: 'errors/aborted-list',
    breakIt: (sound) => ({ ...sound, list: (labels) => sound.list(labels) }),
  },
  {
    name: 'hangs when a signal fires',
    intended: 'errors/aborted-inspect',
    breakIt: (sound) => ({
      ...sound,
      inspect: (name, call) =>
        call?.signal?.aborted ? new Promise(() => undefined) : sound.inspect(name, call),
    }),
  },
  {
    name: 'throws errors of its own kind',
    intended: 'errors/brand',
    breakIt: (sound) => ({
      ...sound,
      inspect: (...given) =>
        sound.inspect(...given).catch(({ message }) => Promise.reject(new Error(message))),
    }),
  },
  {
    name: 'throws the wrong code',
    intended: 'lifecycle/inspect-when-missing',
    breakIt: (sound) => ({
      ...sound,
      inspect: (...given) =>
        sound.inspect(...given).catch(({ message }) => Promise.reject(new SandboxError('UNKNOWN', message))),
    }),
  },
  {
    name: 'lets a name lead out of its directory',
    intended: 'errors/name-with-a-slash',
    breakIt: (sound) => ({
      ...sound,
      create: (spec, call) => sound.create({ ...spec, name: spec.name.replaceAll('/', '-') }, call),
    }),
  },
  {
    name: 'removes volumes with every sandbox',
    intended: 'volumes/survives-remove',
    breakIt: (sound) => ({
      ...sound,
      remove: (name, call) => sound.remove(name, { ...call, volumes: true }),
    }),
  },
  {
    name: 'gives every session the rights of root',
    intended: 'raw-exec/user',
    breakIt: (sound) => ({
      ...sound,
      exec: (name, request, call) => sound.exec(name, { ...request, user: { uid: 0, gid: 0 } }, call),
    }),
  },
  {
    name: 'loses a part of a long session',
    intended: 'stdio/both-streams',
    claims: true,
    breakIt: (sound) => withProcesses(sound, (raw) => through(raw, losing(1_000_000, 1))),
  },
  {
    name: 'changes one byte of a session',
    intended: 'exec/exit-0',
    claims: true,
    breakIt: (sound) => withProcesses(sound, (raw) => through(raw, changing(15))),
  },
  {
    name: 'keeps a session open when its sandbox is killed',
    intended: 'life/dies',
    claims: true,
    breakIt: (sound) =>
      withProcesses(sound, (raw) => {
        const stdout = new PassThrough();
        raw.stdout.pipe(stdout, { end: false });
        return { ...raw, stdout, wait: () => new Promise(() => undefined) };
      }),
  },
  {
    name: 'finds that nothing occupies anything',
    intended: 'belongings/size-of-sandbox',
    breakIt: (sound) => ({
      ...sound,
      list: async (...given) => (await sound.list(...given)).map((info) => ({ ...info, sizeBytes: 0 })),
    }),
  },
  {
    name: 'sweeps sandboxes away that do not run',
    intended: 'belongings/sweep-keeps',
    breakIt: (sound) => ({
      ...sound,
      async sweep(labels) {
        for (const { name, state } of await sound.list(labels))
          if (state !== 'running') await sound.remove(name);
      },
    }),
  },
  {
    name: 'keeps the sandboxes of run',
    intended: 'life/run-gone',
    claims: true,
    breakIt: (sound) => ({
      ...withSpec(sound, (spec) => ({ ...spec, lifecycle: 'long-lived' })),
      remove: () => Promise.resolve(),
      kill: () => Promise.resolve(),
      stop: () => Promise.resolve(),
    }),
  },
];

/** Leaves out so many bytes after so many others. */
function losing(after: number, count: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const at = after - seen;
      seen += chunk.length;
      const cut = at >= 0 && at < chunk.length;
      done(null, cut ? Buffer.concat([chunk.subarray(0, at), chunk.subarray(at + count)]) : chunk);
    },
  });
}

function changing(offset: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const at = offset - seen;
      seen += chunk.length;
      if (at >= 0 && at < chunk.length) chunk[at] = (chunk[at] ?? 0) ^ 0xff;
      done(null, chunk);
    },
  });
}
