import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { canRunPrivateDocker, startPrivateDocker } from '@sandbox/testbed/private-docker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerIsNamed, left, run, startApp } from './app.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sandbox-faults-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What `sandbox ls` shows there. */
async function list(env: NodeJS.ProcessEnv): Promise<readonly { name: string }[]> {
  const { stdout } = await startApp(['ls', '--json'], { env, input: '' }).result;
  return JSON.parse(stdout.toString());
}

/** Runs with and without `--json`, and expects the same fault told in both ways. */
async function expectFault(
  words: readonly string[],
  expected: { exitCode: number; codes: readonly string[]; message: RegExp; hint: RegExp },
  env: NodeJS.ProcessEnv = {},
) {
  const plain = await run([...words, '--', 'echo', 'it ran'], { env });
  expect({ exitCode: plain.exitCode, stdout: plain.stdout.toString() }).toEqual({
    exitCode: expected.exitCode,
    stdout: '',
  });
  expect(plain.stderr).toMatch(/^sandbox: .*\nhint: .*\n/);

  const { exitCode, stdout } = await run(['--json', ...words, '--', 'echo', 'it ran'], { env });
  const { error, ending } = JSON.parse(stdout.toString());
  expect({ exitCode, ending }).toEqual({ exitCode: expected.exitCode, ending: null });
  expect(expected.codes).toContain(error.code);
  expect(error.message).toMatch(expected.message);
  expect(error.hint).toMatch(expected.hint);
}

describe.skipIf(!dockerIsNamed)('what is wrong is told, with what to do about it', () => {
  afterAll(async () => {
    expect(await left()).toEqual([]);
  });

  it.each([
    ['memory', ['--memory', 'lots'], 2, ['INVALID_ARGUMENT'], /"lots"/, /512m/],
    ['user', ['--user', 'nobody'], 2, ['INVALID_ARGUMENT'], /nobody/, /1000/],
    ['variable', ['-e', '=x'], 2, ['INVALID_ARGUMENT'], /=x/, /NAME=VALUE/],
    ['image', ['--image', 'no-such-image:1'], 125, ['NOT_FOUND', 'UNAVAILABLE'], /./, /image|registry/],
    [
      'image, no pull',
      ['--image', 'no-such-image:1', '--pull', 'never'],
      125,
      ['NOT_FOUND'],
      /no-such-image:1/,
      /pull/,
    ],
    ['workspace that is not there', ['--workspace', '/no/such'], 125, ['NOT_FOUND'], /\/no\/such/, /mkdir/],
    ['workspace /', ['--workspace', '/'], 125, ['FAILED_PRECONDITION'], /"\/"/, /directory/],
    [
      'workspace with a socket',
      ['--workspace', '/var/run'],
      125,
      ['FAILED_PRECONDITION'],
      /run/,
      /directory/,
    ],
    [
      'the same read-only',
      ['--workspace', '/var/run', '--workspace-access', 'ro'],
      125,
      ['FAILED_PRECONDITION'],
      /run/,
      /directory/,
    ],
  ] as const)('%s', async (_name, words, exitCode, codes, message, hint) => {
    await expectFault(words, { exitCode, codes, message, hint });
  });

  it('an unknown runtime', async () => {
    const { exitCode, stdout } = await startApp(['run', '--json', '--runtime', 'lxc', '--', 'true'], {
      input: '',
    }).result;
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout.toString()).error).toMatchObject({
      code: 'NOT_FOUND',
      hint: expect.stringContaining('docker'),
    });
  });

  it.skipIf(process.getuid?.() !== 0)('a workspace that root owns: refused rw, fine ro', async () => {
    const workspace = path.join(directory, 'root-owned');
    mkdirSync(workspace);
    writeFileSync(path.join(workspace, 'file'), 'content');
    await expectFault(['--workspace', workspace], {
      exitCode: 125,
      codes: ['FAILED_PRECONDITION'],
      message: /root/,
      hint: /chown.*--workspace-access ro.*--user 0/,
    });
    const readOnly = await run(['--workspace', workspace, '--workspace-access', 'ro', '--', 'cat', 'file']);
    expect({ exitCode: readOnly.exitCode, stdout: readOnly.stdout.toString() }).toEqual({
      exitCode: 0,
      stdout: 'content',
    });
  });

  it.skipIf(process.getuid?.() !== 0)(
    'a workspace of somebody’s own is theirs inside too, and may be relative',
    async () => {
      const workspace = path.join(directory, 'owned');
      mkdirSync(workspace);
      chownSync(workspace, 1234, 1234);
      const { exitCode, stdout } = await run(
        ['--workspace', 'owned', '--', 'sh', '-c', 'id -u; touch made; pwd'],
        {
          cwd: directory,
        },
      );
      expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: '1234\n/workspace\n' });
    },
  );

  it('no daemon', async () => {
    await expectFault(
      [],
      { exitCode: 125, codes: ['UNAVAILABLE'], message: /gone\.sock/, hint: /\w/ },
      { DOCKER_HOST: `unix://${directory}/gone.sock` },
    );
  });

  describe('a socket that is not well', () => {
    const servers: Server[] = [];
    const open: Socket[] = [];
    const listen = async (name: string, onConnection: (socket: Socket) => void) => {
      const socketPath = path.join(directory, `${name}.sock`);
      const server = createServer((socket) => {
        open.push(socket);
        socket.on('error', () => {});
        onConnection(socket);
      });
      await new Promise<void>((resolve) => server.listen(socketPath, resolve));
      servers.push(server);
      return { DOCKER_HOST: `unix://${socketPath}` };
    };
    afterAll(() => {
      for (const socket of open) socket.destroy();
      for (const server of servers) server.close();
    });

    it('accepts and never answers', async () => {
      const env = await listen('hung', () => {});
      await expectFault(
        [],
        { exitCode: 125, codes: ['DEADLINE_EXCEEDED', 'UNAVAILABLE'], message: /./, hint: /\w/ },
        env,
      );
    });

    it('answers late, as an engine does that has much to write, and is waited for', async () => {
      let late: Promise<void> | undefined;
      const env = await listen('late', (socket) => {
        late ??= sleep(5_000);
        const engine = connect(process.env.DOCKER_HOST?.replace('unix://', '') ?? '/var/run/docker.sock');
        engine.on('error', () => {});
        open.push(engine);
        socket.pipe(engine);
        void late.then(() => engine.pipe(socket));
      });
      const { exitCode, stdout, stderr } = await run(['--', 'echo', 'hi'], { env });
      expect({ exitCode, stdout: stdout.toString(), stderr }).toEqual({
        exitCode: 0,
        stdout: 'hi\n',
        stderr: '',
      });
    });

    it('closes at once', async () => {
      const env = await listen('closing', (socket) => socket.end());
      await expectFault([], { exitCode: 125, codes: ['UNAVAILABLE'], message: /./, hint: /\w/ }, env);
    });

    it('answers what no engine says', async () => {
      const env = await listen('garbage', (socket) => {
        socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html'));
      });
      await expectFault(
        [],
        { exitCode: 125, codes: ['UNAVAILABLE', 'UNKNOWN'], message: /./, hint: /\w/ },
        env,
      );
    });

    it('can be interrupted while it hangs', async () => {
      const asked = Promise.withResolvers<void>();
      const env = await listen('hung-2', () => asked.resolve());
      const app = startApp(['run', '--', 'true'], { env, input: '' });
      await asked.promise;
      app.child.kill('SIGTERM');
      expect(await app.result).toMatchObject({ exitCode: 143, signal: null });
    });
  });

  describe.skipIf(!canRunPrivateDocker())('an engine that is killed in mid-command', () => {
    it('ends the run as lost, and leaves no container once it is back', async () => {
      await using engine = await startPrivateDocker();
      const env = { DOCKER_HOST: `unix://${engine.socketPath}` };
      const command = ['sh', '-c', 'echo ready >&2; sleep 600'];
      const plain = startApp(['run', '--', ...command], { env, input: '' });
      const json = startApp(
        ['run', '--json', '--timeout', 'none', '--', 'sh', '-c', 'echo so far; sleep 600'],
        {
          env,
          input: '',
        },
      );
      await plain.shows('ready');
      await expect.poll(() => list(env).then((all) => all.length), { timeout: 20_000 }).toBe(2);
      await engine.kill();

      const told = await plain.result;
      expect(told.exitCode).toBe(125);
      expect(told.stderr).toMatch(/^sandbox: .*lost.*\nhint: /m);
      const { exitCode, stdout } = await json.result;
      expect(exitCode).toBe(125);
      expect(JSON.parse(stdout.toString())).toMatchObject({
        ending: 'lost',
        exitCode: null,
        error: { code: 'UNAVAILABLE' },
      });

      await engine.start();
      await expect.poll(() => list(env), { timeout: 90_000, interval: 1_000 }).toEqual([]);
    });
  });
});
