import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp } from './app.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'app-config-'));
  file = join(directory, 'sandbox.toml');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const app = async (words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const result = await startApp(words, { input: '', env }).result;
  return { ...result, stdout: result.stdout.toString() };
};

describe('[runtimes.<id>]', () => {
  it('has the options of each bundled adapter', async () => {
    writeFileSync(
      file,
      `[runtimes.docker]
socket_path = "/run/docker.sock"
agent_volume = "agents"
oci_runtime = "runc"
tls = { ca = "ca.pem", verify = true }
timeouts = { probe_ms = 1000, call_ms = 2000 }
[runtimes.podman]
service = "private"
program = "podman"
timeouts = { probe_ms = 1000 }
[runtimes.nsjail]
binary = "nsjail"
state_directory = "/var/lib/sandbox/nsjail"
cgroup_parent = "/sandbox"
call_timeout_ms = 1000
[runtimes.apple-container]
program = "/usr/local/bin/container"
timeouts = { call_ms = 1000 }
`,
    );
    expect(await app(['config', 'check', file])).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('is checked by each bundled adapter', async () => {
    const ids = ['docker', 'podman', 'nsjail', 'apple-container'];
    writeFileSync(file, ids.map((id) => `[runtimes.${id}]\nno_such_option = 1\n`).join(''));
    const { exitCode, stdout } = await app(['config', 'check', '--json', file]);
    expect(exitCode).toBe(2);
    const { problems } = JSON.parse(stdout) as { problems: { key: string; line: number }[] };
    expect(new Map(problems.map(({ key, line }) => [key, line]))).toEqual(
      new Map(ids.map((id, index) => [`runtimes.${id}.no_such_option`, 2 * index + 2])),
    );
  });

  it('reaches the adapter', async () => {
    const socket = join(directory, 'nobody.sock');
    writeFileSync(file, `[sandbox]\nruntime = "docker"\n[runtimes.docker]\nsocket_path = "${socket}"\n`);
    const { exitCode, stderr } = await app(['run', '--config', file, '--', 'true']);
    expect(exitCode).toBe(125);
    expect(stderr).toContain(socket);
  });
});

it('nothing heavy is loaded to say a word about the program itself', async () => {
  for (const words of [['--version'], ['run', '--help'], ['config', '--help'], ['run', '--memry', '1g']]) {
    const coverage = join(directory, words.join());
    await app(words, { NODE_V8_COVERAGE: coverage });
    const reports = readdirSync(coverage).map((name) => readFileSync(join(coverage, name), 'utf8'));
    const { result } = JSON.parse(reports[0] ?? '') as { result: { url: string }[] };
    const loaded = result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    expect(loaded.some((url) => url.includes('packages/cli/dist'))).toBe(true);
    expect(loaded.filter((url) => /zod|toml|packages\/(core|config|guest|adapter)/.test(url))).toEqual([]);
  }
});
