import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bin, dockerIsNamed, left, start, startOnTerminal } from './app.ts';

/** The host's own Node where it is an old one, which is what the launcher is for. */
function oldNode(): string | undefined {
  for (const node of ['/usr/bin/node', '/usr/local/bin/node']) {
    const version = spawnSync(node, ['--version']).stdout?.toString() ?? '';
    const major = Number(/^v(\d+)/.exec(version)?.[1]);
    if (major >= 20 && major < 22) return node;
  }
  return undefined;
}

const old = oldNode();

describe.skipIf(old === undefined)(
  'bin/sandbox.js on a Node that is too old (skipped: this host has none)',
  () => {
    const onOld = (words: readonly string[], options?: Parameters<typeof start>[1]) =>
      start([old as string, bin, ...words], options);

    it('goes on with the checkout’s own', async () => {
      const { exitCode, stdout, stderr } = await onOld(['--version'], { input: '' }).result;
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout.toString()).toMatch(/^sandbox \d/);
    });

    it('passes exit codes on', async () => {
      expect(await onOld(['no-such-command'], { input: '' }).result).toMatchObject({ exitCode: 2 });
    });

    describe.skipIf(!dockerIsNamed)('with a command that runs', () => {
      afterAll(async () => {
        await vi.waitFor(async () => expect(await left()).toEqual([]), 20_000);
      });
      const docker = (script: string, options?: Parameters<typeof start>[1]) =>
        onOld(['run', '--runtime', 'docker', '--', 'sh', '-c', script], options);

      it('passes the streams through', async () => {
        const { exitCode, stdout, stderr } = await docker('cat; echo err >&2; exit 7', { input: 'in' })
          .result;
        expect({ exitCode, stdout: stdout.toString(), stderr }).toEqual({
          exitCode: 7,
          stdout: 'in',
          stderr: 'err\n',
        });
      });

      it('passes SIGTERM on', async () => {
        const app = docker("trap 'echo got TERM; exit 5' TERM; echo ready; while :; do sleep 0.05; done");
        await app.shows('ready');
        app.child.kill('SIGTERM');
        const { exitCode, stdout } = await app.result;
        expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 5, stdout: 'ready\ngot TERM\n' });
      });

      it('takes a Ctrl-C, which both processes get, for one', async () => {
        const script = "trap 'echo got INT' INT; echo ready; while :; do sleep 0.05; done";
        const words = [old as string, bin, 'run', '--runtime', 'docker', '--', 'sh', '-c', `"${script}"`];
        const app = startOnTerminal(`${words.join(' ')}; echo "exit $?"`);
        await app.shows('ready');
        app.child.stdin?.write('\u0003');
        await app.shows('got INT');
        await new Promise((resolve) => setTimeout(resolve, 500));
        app.child.stdin?.write('\u0003');
        const shown = await app.shows('exit 137');
        expect(shown.match(/got INT/g)?.length).toBeLessThanOrEqual(2);
        app.child.stdin?.end();
        await app.result;
      });

      it('leaves nothing when it is killed with -9', async () => {
        const app = docker('echo ready; sleep 60');
        await app.shows('ready');
        app.child.kill('SIGKILL');
        await expect.poll(left, { timeout: 20_000 }).toEqual([]);
      });
    });
  },
);

describe('bin/sandbox.js in a checkout that is not ready', () => {
  let checkout: string;
  let copy: string;
  beforeAll(() => {
    checkout = mkdtempSync(path.join(tmpdir(), 'sandbox-checkout-'));
    copy = path.join(checkout, 'apps/sandbox/bin/sandbox.js');
    mkdirSync(path.dirname(copy), { recursive: true });
    cpSync(bin, copy);
    writeFileSync(path.join(checkout, 'apps/sandbox/package.json'), '{ "type": "module" }');
  });
  afterAll(() => rmSync(checkout, { recursive: true }));

  it('says npm start when it is not built', async () => {
    const { exitCode, stdout, stderr } = await start([process.execPath, copy, 'run', '--', 'true'], {
      input: '',
    }).result;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 125, stdout: '' });
    expect(stderr).toMatch(/^sandbox: this checkout is not built yet\nhint: npm start, in /);
    expect(stderr).toContain(checkout);
  });

  describe.skipIf(old === undefined)('on an old Node', () => {
    beforeAll(() => {
      mkdirSync(path.join(checkout, 'apps/sandbox/dist'));
      writeFileSync(
        path.join(checkout, 'apps/sandbox/dist/main.js'),
        'console.log("started on", process.version)',
      );
    });

    it('says which version is needed where there is none in the checkout', async () => {
      const { exitCode, stderr } = await start([old as string, copy], { input: '' }).result;
      expect(exitCode).toBe(125);
      expect(stderr).toMatch(
        /^sandbox: Node 22\.13 or newer is needed, and this is 20\.[\d.]+\nhint: npm start/,
      );
    });

    it('does not start itself for ever where the checkout’s is too old as well', async () => {
      mkdirSync(path.join(checkout, 'node_modules/.bin'), { recursive: true });
      symlinkSync(old as string, path.join(checkout, 'node_modules/.bin/node'));
      const { exitCode, stderr } = await start([old as string, copy], { input: '' }).result;
      expect(exitCode).toBe(125);
      expect(stderr).toContain('Node 22.13 or newer is needed');
    });
  });
});

describe.skipIf(process.platform !== 'linux')('a word that is not valid UTF-8', () => {
  const words = (bytes: string) =>
    `exec '${process.execPath}' '${bin}' run --memory "$(printf 'x${bytes}')" -- true`;
  it('is refused, for it would be another one in the sandbox', async () => {
    const { exitCode, stderr } = await start(['sh', '-c', words('\\377')], { input: '' }).result;
    expect(exitCode).toBe(2);
    expect(stderr).toContain('not valid UTF-8');
  });
  it('is not found where the replacement character itself was given', async () => {
    const { stderr } = await start(['sh', '-c', words('\\357\\277\\275')], { input: '' }).result;
    expect(stderr).toContain('--memory: "x\ufffd"');
  });
});

describe.skipIf(process.platform !== 'linux')('--env-file, which Node takes for its own', () => {
  it('does not get into our own environment', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'sandbox-env-'));
    try {
      const file = path.join(directory, 'guest.env');
      writeFileSync(file, 'DOCKER_HOST=unix:///for-the-guest.sock\nFOR_GUEST=1\n');
      // FOR_GUEST is not set here, and the file must not have set it.
      const words = ['run', '--env-file', file, '-e', 'FOR_GUEST', '--', 'true'];
      const { exitCode, stderr } = await start([process.execPath, bin, ...words], { input: '' }).result;
      expect(exitCode).toBe(2);
      expect(stderr).toContain('FOR_GUEST is not set here');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is left alone by Node when the program is started by itself', async () => {
    const node = path.dirname(fileURLToPath(new URL(`file://${process.execPath}`)));
    const { exitCode, stderr } = await start([bin, 'run', '--env-file', '/no/such.env', '--', 'true'], {
      input: '',
      env: { PATH: `${node}:${process.env.PATH}` },
    }).result;
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--env-file /no/such.env: there is no such file');
  });
});
