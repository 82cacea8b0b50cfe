import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { createReferenceAdapter } from '@sandbox/conformance/reference';
import {
  createSandboxes,
  createSqliteRegistry,
  type Registry,
  type RuntimeAdapter,
  registryFile,
  type SandboxRecord,
  type Trust,
} from '@sandbox/core';
import { createCli } from '../src/index.ts';
import { type CapturedIo, capturedIo } from './captured-io.ts';

export interface KeptSandboxes extends AsyncDisposable {
  readonly env: { readonly SANDBOX_STATE_DIR: string };
  readonly adapter: RuntimeAdapter;
  readonly registry: Registry;
  /** A long-lived sandbox that nobody has open, last used so many days ago. Returns its name. */
  make(options?: { user?: string; trust?: Trust; idleDays?: number }): Promise<string>;
  /** Of the runtime, in whatever state. */
  names(): Promise<string[]>;
  /** The program on these sandboxes. */
  run(
    words: readonly string[],
    given?: { signals?: CapturedIo['signals']; answer?: string; unread?: boolean },
  ): Promise<{ exitCode: number; out: string; err: string }>;
}

/** Sandboxes of the reference adapter, which isolates nothing and needs no engine, with the registry that the program uses. */
export function keptSandboxes(
  change: (adapter: RuntimeAdapter) => RuntimeAdapter = (adapter) => adapter,
): KeptSandboxes {
  const base = mkdtempSync(join(tmpdir(), 'sandbox-cli-kept-'));
  // Commands run as another user, who must get to the agent.
  chmodSync(base, 0o711);
  const env = { SANDBOX_CONFIG: '/dev/null', SANDBOX_STATE_DIR: join(base, 'state') };
  const claims = ['network-none', 'namespaces', 'workspace-access'] as const;
  const adapter = createReferenceAdapter({ directory: join(base, 'sandboxes'), claims });
  const registry = createSqliteRegistry({ file: registryFile(env) });
  const cli = createCli({ adapters: [{ runtime: adapter.runtime, load: async () => change(adapter) }] });
  let made = 0;
  return {
    env,
    adapter,
    registry,
    async make({ user, trust, idleDays = 0 } = {}) {
      made += 1;
      const workspace = join(base, `work-${made}`);
      mkdirSync(workspace);
      await using sandboxes = createSandboxes({ adapter, registry });
      const policy = { workspaceAccess: 'none' } as const;
      const { name } = await sandboxes.open({ workspace, policy, user, trust });
      await sandboxes.close();
      if (idleDays > 0) await age(registry, name, idleDays);
      return name;
    },
    async names() {
      return (await adapter.list()).map(({ name }) => name).sort();
    },
    async run(words, { signals, answer, unread } = {}) {
      const closed = () => new Writable({ write: (_chunk, _encoding, done) => done(brokenPipe()) });
      const outputs = unread ? { stdout: closed(), stderr: closed() } : {};
      const io = { ...capturedIo({ env }), ...(signals && { signals }), ...outputs };
      if (answer !== undefined) onTerminal(io, answer);
      const exitCode = await cli.run(words, io);
      return { exitCode, out: io.out(), err: io.err() };
    },
    async [Symbol.asyncDispose]() {
      for (const { name } of await adapter.list()) await adapter.remove(name, { volumes: true });
      await registry.close();
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** As if somebody sat there and typed this. */
function onTerminal(io: CapturedIo, answer: string): void {
  Object.assign(io, { stdin: Object.assign(Readable.from([answer]), { isTTY: true }) });
  Object.assign(io.stderr, { isTTY: true });
}

/** What is put over a record never takes a use back. */
async function age(registry: Registry, name: string, days: number): Promise<void> {
  const { lastUsedBoot: _now, ...record } = (await registry.get(name)) as SandboxRecord;
  await registry.remove(name);
  await registry.put({ ...record, lastUsedAt: new Date(Date.now() - days * 86_400_000) });
}

const brokenPipe = () => Object.assign(new Error('broken pipe'), { code: 'EPIPE', syscall: 'write' });
