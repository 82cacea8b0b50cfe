import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { bin, startApp, startOnTerminal } from './app.ts';
import { namedRuntimes } from './runtimes.ts';

const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') ?? false;
/** Some hundred megabytes, on a machine that does other things too. */
const LAYER_MS = 1_500_000;
const INSTALL_MS = 600_000;

const CERTIFICATES = '/home/sandbox/certificates.pem';

/** How this machine reaches registries, as far as its environment says: proxies and mirrors as they are, and the certificates that it trusts as a file in the sandbox. */
function wayOut(): { readonly env: readonly string[]; readonly certificates: string | undefined } {
  const names = [
    'http_proxy',
    'https_proxy',
    'all_proxy',
    'no_proxy',
    'pip_index_url',
    'npm_config_registry',
  ];
  const env = [...names, ...names.map((name) => name.toUpperCase())].filter((name) => process.env[name]);
  const trusted = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE'];
  const certificates = trusted.map((name) => process.env[name]).find((file) => file && existsSync(file));
  const uses = ['SSL_CERT_FILE', 'PIP_CERT', 'NODE_EXTRA_CA_CERTS', 'CARGO_HTTP_CAINFO'];
  const given = certificates === undefined ? [] : uses.map((name) => `${name}=${CERTIFICATES}`);
  return { env: [...env, ...given].flatMap((word) => ['--env', word]), certificates };
}

const { env: out, certificates } = wayOut();
const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');

/** What an ordinary user installs stays, each line by a program of its own. */
describe.each(namedRuntimes.filter((runtime) => runtime !== 'nsjail'))(
  'what is installed on %s',
  (runtime) => {
    let base: string;
    let workspace: string;
    let noNetwork: string | undefined;
    beforeAll(async () => {
      base = mkdtempSync(path.join(tmpdir(), 'sandbox-installs-'));
      chmodSync(base, 0o755);
      workspace = path.join(base, 'work');
      mkdirSync(workspace);
      if (process.getuid?.() === 0) chownSync(workspace, 1000, 1000);
      noNetwork = await withoutNetwork();
      if (noNetwork !== undefined) return;
      const made = await exec(['--allow-root'], 'sh', '-c', 'command -v git vim gcc pip3 npm cargo');
      expect(made).toMatchObject({ exitCode: 0 });
      expect(made.stderr).not.toContain('no development tools');
      if (certificates !== undefined)
        expect(await app(['cp', '--runtime', runtime, certificates, `:${CERTIFICATES}`])).toMatchObject({
          exitCode: 0,
        });
    }, LAYER_MS);
    afterAll(async () => {
      expect((await app(['uninstall', '--yes', '--runtime', runtime])).exitCode).toBe(0);
      rmSync(base, { recursive: true, force: true });
    });

    async function app(words: readonly string[]) {
      const file = path.join(base, 'sandbox.toml');
      writeFileSync(file, '[sandbox]\ntools = true\ntimeout = "10m"\n');
      const env = { SANDBOX_CONFIG: file };
      const { exitCode, stdout, stderr } = await startApp(words, { env, cwd: workspace, input: '' }).result;
      return { exitCode, stdout: stdout.toString(), stderr };
    }
    const exec = (options: readonly string[], ...command: string[]) =>
      app(['exec', '--runtime', runtime, ...out, ...options, '--', ...command]);

    /** Why no distribution's registry answers to the image that has nothing installed yet. */
    async function withoutNetwork(): Promise<string | undefined> {
      const script = `uri=$(apt-get --print-uris -o Debug::NoLocking=1 update | head -n 1 | cut -d "'" -f 2)
/usr/lib/apt/apt-helper download-file "$uri" /tmp/answer`;
      const words = [
        'run',
        '--runtime',
        runtime,
        '--network',
        'full',
        '--timeout',
        '60s',
        '--',
        'sh',
        '-c',
        script,
      ];
      const { exitCode, stdout, stderr } = await app(words);
      return exitCode === 0 ? undefined : `no network: ${stdout}${stderr}`;
    }

    /** Skips where this one registry does not answer from inside. */
    async function reach({ skip }: TestContext, ...lookUp: string[]): Promise<void> {
      if (noNetwork !== undefined) return skip(noNetwork);
      const { exitCode, stderr } = await exec([], ...lookUp);
      if (exitCode !== 0) skip(`no registry: ${stderr}`);
    }

    const ok = { exitCode: 0, stderr: '' };

    it(
      'with pip, as the README has it',
      async (context) => {
        await reach(context, 'pip', 'index', 'versions', 'black');
        const example = /<!-- example: run by \S*installs.test.ts -->\n(.*?)<!--/s.exec(readme)?.[1] ?? '';
        const lines = [...example.matchAll(/^ {4}sandbox (.*?)( +#.*)?$/gm)].map(([, line = '']) => line);
        expect(lines).toHaveLength(3);
        let last = '';
        for (const line of lines) {
          const [command = '', ...words] = line.split(' ');
          const more = command === 'exec' ? out : [];
          const { exitCode, stdout } = await app([command, '--runtime', runtime, ...more, ...words]);
          expect([line, exitCode]).toEqual([line, 0]);
          last = stdout;
        }
        expect(last).toMatch(/^black, \d/);
      },
      INSTALL_MS,
    );

    it(
      'with npm',
      async (context) => {
        await reach(context, 'npm', 'view', 'typescript', 'version');
        expect(await exec([], 'npm', 'install', '-g', 'typescript')).toMatchObject({ exitCode: 0 });
        expect((await exec([], 'tsc', '-v')).stdout).toMatch(/^Version \d/);
      },
      INSTALL_MS,
    );

    it(
      'with cargo',
      async (context) => {
        await reach(context, 'cargo', 'info', 'shellharden');
        expect(await exec([], 'cargo', 'install', 'shellharden')).toMatchObject({ exitCode: 0 });
        expect(await exec([], 'shellharden', '--version')).toMatchObject({
          ...ok,
          stdout: expect.stringMatching(/^\d/),
        });
      },
      INSTALL_MS,
    );

    it(
      'with the system’s own package manager, by root, for all',
      async ({ skip }) => {
        if (noNetwork !== undefined) return skip(noNetwork);
        const installed = await exec(['--allow-root', '--user', 'root'], 'apt-get', 'install', '-y', 'jq');
        expect(installed).toMatchObject({ exitCode: 0 });
        expect((await exec([], 'jq', '--version')).stdout).toMatch(/^jq-\d/);
        const status = async (...user: string[]) =>
          (await exec(user, 'sh', '-c', 'grep -E "^(CapEff|NoNewPrivs)" /proc/self/status')).stdout;
        expect(await status('--user', 'root')).toBe('CapEff:\t00000000000400fb\nNoNewPrivs:\t1\n');
        expect(await status()).toBe('CapEff:\t0000000000000000\nNoNewPrivs:\t1\n');
      },
      INSTALL_MS,
    );

    it.runIf(hasScript)(
      'an alias in ~/.bashrc',
      async ({ skip }) => {
        if (noNetwork !== undefined) return skip(noNetwork);
        await exec([], 'sh', '-c', `echo "alias greet='echo hello from'" >> ~/.bashrc`);
        const line = `'${process.execPath}' '${bin}' shell --runtime ${runtime}; echo "exit $?"`;
        const terminal = startOnTerminal(`cd '${workspace}'; ${line}`, {
          env: { TERM: 'xterm', SHELL: '/bin/bash' },
        });
        terminal.child.stdin?.write("greet 'the she''ll'\r");
        await terminal.shows('hello from the shell');
        terminal.child.stdin?.write('exit\r');
        await terminal.shows('exit 0');
        terminal.child.stdin?.end();
        await terminal.result;
      },
      INSTALL_MS,
    );

    it(
      'and nothing in the workspace is anybody else’s',
      async ({ skip }) => {
        if (noNetwork !== undefined) return skip(noNetwork);
        expect(
          await exec(
            [],
            'sh',
            '-c',
            'python3 -m venv .venv && npm init -y && git init -q . && echo "all:;touch made" > Makefile && make',
          ),
        ).toMatchObject({ exitCode: 0 });
        const names = readdirSync(workspace, { recursive: true }).map(String);
        expect(names).toEqual(expect.arrayContaining(['.git', '.venv', 'made', 'package.json']));
        expect(new Set(names.map((name) => lstatSync(path.join(workspace, name)).uid))).toEqual(
          new Set([lstatSync(workspace).uid]),
        );
      },
      INSTALL_MS,
    );
  },
);
