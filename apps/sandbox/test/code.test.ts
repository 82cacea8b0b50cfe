import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSandboxes } from '@sandbox/core';
import { builtInLanguages, createCatalog, type Language } from '@sandbox/languages';
import { createServer } from '@sandbox/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scope } from './app.ts';
import { languageCli } from './language-cli.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

/** Built by nobody, and of what every host has. */
const unbuilt: Language = {
  id: 'unbuilt',
  image: 'sandbox-test-unbuilt:latest',
  recipe: new URL('./nowhere/', import.meta.url),
  fileName: 'main.sh',
  env: { FROM: 'language', OVER: 'language' },
  command: (file, args) => ['sh', file, ...args],
};
const absent: Language = {
  ...unbuilt,
  id: 'absent',
  programs: ['sh', 'no-such-program', 'nor-this'],
};
const catalog = createCatalog([...builtInLanguages.languages, unbuilt, absent]);
const cli = languageCli(catalog);
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sandbox-code-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const made = path.join(directory, name);
  writeFileSync(made, content);
  return made;
}

describe.each(namedRuntimes)('sandbox code on %s', (runtime) => {
  const code = (language: string, words: readonly string[], input = '') =>
    cli.run(['code', '--runtime', runtime, '--language', language, ...words], { input });
  const hasImages = ['docker', 'podman'].includes(runtime);

  afterAll(async () => {
    const adapter = await loadAdapter(runtime);
    expect(await adapter.list({ 'dev.sandbox.scope': scope })).toEqual([]);
    await adapter.close();
  });

  it('runs what comes from stdin, with arguments, in /sandbox', async () => {
    const script = 'pwd; printf "%s|" "$@"; cat; exit 3';
    expect(await code('bash', ['-', 'a b', '$(id)', ''], script)).toMatchObject({
      ...{ exitCode: 3, stdout: '/sandbox\na b|$(id)||', stderr: '' },
    });
    expect(await code('shell', [], 'echo "$0"')).toMatchObject({ exitCode: 0, stdout: 'main.sh\n' });
  });

  it('tells what is dangerous in it, and runs it all the same', async () => {
    const script = '# eval in words\neval "echo $1"\n';
    const told = await code('bash', ['-', 'hello'], script);
    expect(told).toMatchObject({ exitCode: 0, stdout: 'hello\n' });
    expect(told.stderr).toBe('sandbox: warning: main.bash:2:1: runs text as code [bash/eval]\n');
    const report = JSON.parse((await code('bash', ['--json'], script)).stdout);
    expect(report.warnings).toEqual(['main.bash:2:1: runs text as code [bash/eval]']);
    expect((await code('bash', ['--no-check', '-', 'hello'], script)).stderr).toBe('');
  });

  it('runs a file, byte for byte, and gives it stdin', async () => {
    const script = file('it -x.sh', Buffer.from('printf "\'\\"\xff"; cat\n', 'latin1'));
    const { exitCode, bytes, stdout } = await code('bash', [script], 'in');
    expect({ exitCode, bytes, stdout }).toEqual({ exitCode: 0, bytes: 5, stdout: '\'"\ufffdin' });
  });

  it('starts where it is told to', async () => {
    expect(await code('bash', ['--workdir', '/tmp'], 'pwd; echo "$0"')).toMatchObject({
      ...{ exitCode: 0, stdout: '/tmp\n/sandbox/main.bash\n' },
    });
  });

  it('reports as `run --json` does', async () => {
    const { exitCode, json } = await code('bash', ['--json', '-', 'x'], 'echo "$1"; exit 4');
    expect(exitCode).toBe(4);
    expect(json()).toMatchObject({
      ...{ runtime, ending: 'exited', exitCode: 4, stdout: 'x\n', command: ['bash', 'main.bash', 'x'] },
    });
  });

  it('ends what takes too long', async () => {
    expect(await code('bash', ['--timeout', '1s'], 'sleep 60')).toMatchObject({ exitCode: 124 });
  });

  if (hasImages) {
    it('says how to build an image that is not there', async () => {
      const { exitCode, json } = await code('unbuilt', ['--json'], 'exit 0');
      expect(exitCode).toBe(125);
      expect(json().error).toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining('sandbox-test-unbuilt:latest'),
        hint: `Build it once, for all sandboxes: \`sandbox images build unbuilt --runtime ${runtime}\`.`,
      });
    });
  } else {
    it('runs on the host’s programs, with what the language wants', async () => {
      const { exitCode, stdout } = await code('unbuilt', ['--env', 'OVER=request'], 'echo "$FROM $OVER"');
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'language request\n' });
    });

    it('names the programs that the host does not have', async () => {
      const { exitCode, json } = await code('absent', ['--json'], 'exit 0');
      expect(exitCode).toBe(125);
      expect(json().error).toMatchObject({
        code: 'UNSUPPORTED',
        message: expect.stringMatching(/this host has no no-such-program, nor-this$/),
      });
      // An image that was asked for is no wish of the language's.
      const other = await code('unbuilt', ['--json', '--image', 'debian:bookworm-slim'], 'exit 0');
      expect(other.json().error).toMatchObject({ code: 'UNSUPPORTED' });
    });
  }

  it('is the same over HTTP', async () => {
    await using sandboxes = createSandboxes({ adapter: await loadAdapter(runtime), scope });
    await using server = createServer({ sandboxes, languages: catalog, localUser: 'ann' });
    const url = await server.listen({ port: 0 });
    const post = async (route: string, body: unknown) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(url + route, { method: 'POST', headers, body: JSON.stringify(body) });
      // biome-ignore lint/suspicious/noExplicitAny: whatever the test expects
      return { status: answer.status, body: (await answer.json()) as any };
    };
    const made = await post('/sandbox', { runtime: 'unbuilt', code: 'echo "$FROM $OVER"' });
    if (hasImages) {
      const hint = expect.stringContaining('sandbox images build unbuilt');
      expect(made).toMatchObject({ status: 404, body: { code: 'NOT_FOUND', hint } });
    } else {
      const env = { OVER: 'request' };
      const run = await post(`/sandbox/${made.body.id}/execute`, { env });
      expect(run.body).toMatchObject({ exitCode: 0, stdout: 'language request\n' });
      expect(await post('/sandbox', { runtime: 'absent' })).toMatchObject({
        ...{ status: 422, body: { code: 'UNSUPPORTED', detail: expect.stringContaining('nor-this') } },
      });
    }
  });
});

describe('sandbox code', () => {
  const code = (words: readonly string[], input = '') => cli.run(['code', ...words], { input });

  it.each([
    [['--language', 'cobol'], 'python'],
    [['--language', '__proto__'], 'python'],
    [[], '--help'],
    [['--language', 'bash', 'no-such-file'], 'Name a file'],
    [['--language', 'bash', '.'], 'Name a file'],
    [['--language', 'python', '--pull', 'always'], 'images build python'],
    [['--language', 'bash', '--tty'], 'from elsewhere'],
    [['--language', 'bash', '--json', '--tty', 'x.sh'], 'Name a file'],
  ])('%j is wrong usage', async (words, hint) => {
    const { exitCode, stderr } = await code(words);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(hint) });
  });

  it('takes no more than 16 MiB of code', async () => {
    const large = file('large.sh', Buffer.alloc(16 * 2 ** 20 + 1, '#'));
    expect(await code(['--language', 'bash', large])).toMatchObject({
      ...{ exitCode: 2, stderr: expect.stringContaining('more than 16 MiB') },
    });
    expect(await code(['--language', 'bash'], '#'.repeat(16 * 2 ** 20 + 1))).toMatchObject({ exitCode: 2 });
  });

  it.runIf(namedRuntimes.includes('docker'))(
    'builds nothing on a base that has not got the language',
    async () => {
      const words = ['images', 'build', '--runtime', 'docker', '--base', 'debian:bookworm-slim'];
      const test = createCatalog(
        ['dotnet', 'powershell'].map((id) => {
          const language = catalog.find(id) as Language;
          return { ...language, image: `sandbox-test-${id}:latest` };
        }),
      );
      const { exitCode, stdout, stderr } = await languageCli(test).run(words);
      expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' });
      expect(stderr).toContain('sandbox-test-dotnet:latest was not built: ');
      expect(stderr).toContain('E: this base has no .NET');
      expect(stderr).toContain('sandbox-test-powershell:latest was not built: ');
    },
  );
});
