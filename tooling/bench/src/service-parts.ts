import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { SandboxClient } from '@sandbox/client';
import { createSandboxes, type Sandboxes } from '@sandbox/core';
import { compareMedians, compareValues, type Part, type Row, Unavailable } from './figure.ts';
import { median } from './statistics.ts';
import { takeTurns, timed, timedEach } from './take-turns.ts';

const program = fileURLToPath(new URL('../../../apps/sandbox/bin/sandbox.js', import.meta.url));
const TRUE = '/bin/true';
/** What the service may cost a command over the library's call, in milliseconds. */
const OVERHEAD_MS = 2;
const WARM_UP = 500;
/** What the first use of a language may take: its sandbox, and a command in it. */
const COLD_MS = { create: 2_000, first: 1_000, both: 3_000 } as const;
const LANGUAGES = ['python', 'node', 'java', 'go', 'ruby', 'php'] as const;

/** The service as it is started by a person, in a process of its own, beside the library. Both on Docker. */
export const serviceParts: readonly Part[] = [
  {
    name: 'service-execute',
    about: '`true` in an open sandbox, over HTTP and through the library',
    measure: (runs = 30) =>
      withService(async (client, sandboxes) => {
        const { id } = await client.create({ runtime: 'sh', keep: true });
        await using sandbox = await sandboxes.create();
        // A service runs for days, and its code is compiled after some hundred requests.
        await timedEach(WARM_UP, () => execute(client, id, { command: TRUE }));
        await timedEach(WARM_UP, () => sandbox.exec([TRUE]));
        const { service, library } = await takeTurns(runs, {
          service: () => timedEach(20, () => execute(client, id, { command: TRUE })),
          library: () => timedEach(20, () => sandbox.exec([TRUE])),
        });
        await client.remove(id);
        const ours = median(service) - median(library);
        const row = { name: 'service/execute-overhead', unit: 'ms', ours } as const;
        return [
          compareMedians({
            ...{ name: 'service/execute', unit: 'ms', ours: service },
            ...{ reference: library, referenceName: "the library's exec" },
          }),
          compareValues({
            ...row,
            ...{ reference: OVERHEAD_MS, referenceName: 'what it may cost', goal: { atMost: 1 } },
          }),
        ];
      }),
  },
  {
    name: 'service-one-shot',
    about: 'create, first command and delete over HTTP, beside a run of the library',
    measure: (runs = 20) =>
      withService(async (client, sandboxes) => {
        const { ours, reference } = await takeTurns(runs, {
          ours: () =>
            timed(async () => {
              const { id } = await client.create({ runtime: 'sh', keep: true });
              await execute(client, id, { command: TRUE });
              await client.remove(id);
            }),
          reference: () => timed(() => sandboxes.run([TRUE])),
        });
        const row = { name: 'service/one-shot', unit: 'ms', ours, reference } as const;
        return [compareMedians({ ...row, referenceName: "the library's run", goal: { atMost: 1.2 } })];
      }),
  },
  {
    name: 'service-language',
    about: 'a sandbox for a language and its first command, for each whose image is there',
    measure: (runs = 7) =>
      withService(async (client) => {
        const rows: Row[] = [];
        for (const language of LANGUAGES) rows.push(...(await measureLanguage(client, language, runs)));
        if (rows.length === 0) throw new Unavailable('no image of a language: sandbox images build python');
        return rows;
      }),
  },
];

/** Code that says that it has run. */
const HELLO: Readonly<Record<(typeof LANGUAGES)[number], string>> = {
  python: 'print("hello")',
  node: 'console.log("hello")',
  java: 'public class Main { public static void main(String[] a) { System.out.println("hello"); } }',
  go: 'package main\nimport "fmt"\nfunc main() { fmt.Println("hello") }',
  ruby: 'puts "hello"',
  php: '<?php echo "hello\\n";',
};

async function measureLanguage(
  client: SandboxClient,
  language: (typeof LANGUAGES)[number],
  runs: number,
): Promise<Row[]> {
  const samples = { create: [] as number[], first: [] as number[], both: [] as number[] };
  for (let run = 0; run < runs; run += 1) {
    const begin = performance.now();
    const made = await client.create({ runtime: language, code: HELLO[language] }).catch((error) => {
      if (error.code === 'NOT_FOUND') return undefined;
      throw error;
    });
    if (made === undefined) return [];
    const created = performance.now();
    const { stdout, stderr } = await client.execute(made.id);
    if (stdout !== 'hello\n') throw new Error(`${language}: ${stdout}${stderr}`);
    const ended = performance.now();
    samples.create.push(created - begin);
    samples.first.push(ended - created);
    samples.both.push(ended - begin);
  }
  return (['create', 'first', 'both'] as const).map((part) =>
    compareValues({
      ...{ name: `service/${language}-${part}`, unit: 'ms', ours: median(samples[part]) },
      ...{ reference: COLD_MS[part], referenceName: 'what it may take', goal: { atMost: 1 } },
    }),
  );
}

async function execute(client: SandboxClient, id: string, request: { command: string }): Promise<void> {
  const { ending, exitCode } = await client.execute(id, request);
  if (exitCode !== 0) throw new Error(`${request.command}: ${ending}, exit code ${exitCode}`);
}

async function withService<T>(work: (client: SandboxClient, sandboxes: Sandboxes) => Promise<T>): Promise<T> {
  const adapter = createDockerAdapter();
  const { status, message } = await adapter.probe();
  if (status !== 'healthy') throw new Unavailable(`docker is ${status}: ${message}`);
  const scope = `bench-${process.pid}`;
  const state = await mkdtemp(join(tmpdir(), 'bench-service-'));
  const env = { ...process.env, SANDBOX_SCOPE: scope, SANDBOX_CONFIG: '/dev/null', XDG_STATE_HOME: state };
  const child = spawn(process.execPath, [program, 'serve', '--port', '0', '--runtime', 'docker'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await using sandboxes = createSandboxes({ adapter, scope });
    return await work(new SandboxClient({ url: await addressOf([child.stdout, child.stderr]) }), sandboxes);
  } finally {
    child.kill('SIGTERM');
    await ended;
    await rm(state, { recursive: true, force: true });
  }
}

/** Where the service says that it is. What it prints later is read, and thrown away. */
function addressOf(streams: readonly NodeJS.ReadableStream[]): Promise<string> {
  return new Promise((resolve, reject) => {
    for (const input of streams) {
      const lines = createInterface({ input });
      lines.on('line', (line) => {
        const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
        if (url !== undefined) resolve(url);
      });
      lines.on('close', () => reject(new Error('the service did not start')));
    }
  });
}
