import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capturedIo } from './captured-io.ts';
import { referenceCli } from './reference-cli.ts';
import { startProgram } from './run-program.ts';

const program = fileURLToPath(new URL('program.ts', import.meta.url));

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sandbox-serve-'));
  chmodSync(directory, 0o711);
  file = path.join(directory, 'sandbox.toml');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function sandbox(...words: string[]) {
  const io = capturedIo({ env: { HOME: directory, SANDBOX_CONFIG: file } });
  const exitCode = await referenceCli(path.join(directory, 'sandboxes')).run(words, io);
  return { exitCode, stdout: io.out(), stderr: io.err() };
}

describe('keys', () => {
  it('are printed once, kept as hashes, listed and removed', async () => {
    writeFileSync(file, '# mine\n[sandbox]\ntimeout = "1m"\n');
    const { exitCode, stdout } = await sandbox('keys', 'add', '--user', 'alice');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^sbx_\w{8}_[\w-]{43}\n$/),
    });
    const key = stdout.trim();
    const second = JSON.parse((await sandbox('keys', 'add', '--json')).stdout);
    expect(second).toEqual({
      ...{ id: second.key.slice(4, 12), user: userInfo().username, file },
      created: expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/),
      key: expect.stringMatching(/^sbx_/),
    });
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^# mine\n/);
    for (const secret of [key, second.key]) expect(text).not.toContain(secret.slice(13));
    expect((await sandbox('config', 'check')).exitCode).toBe(0);

    const id = key.slice(4, 12);
    expect((await sandbox('keys', 'ls')).stdout).toMatch(new RegExp(`^ID +USER +CREATED\n${id} +alice `));
    const listed = JSON.parse((await sandbox('keys', 'ls', '--user', 'alice', '--json')).stdout);
    expect(listed).toEqual({ keys: [{ id, user: 'alice', created: expect.any(String) }] });

    expect(await sandbox('keys', 'rm', id)).toMatchObject({ exitCode: 0, stdout: `${id}\n` });
    expect((await sandbox('keys', 'ls', '--user', 'alice')).stdout).not.toContain(id);
    const again = await sandbox('keys', 'rm', id);
    expect(again).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('keys ls') });
  });

  it('are all there when several are added at once', async () => {
    const added = await Promise.all(
      ['ann', 'bob', 'eve', 'kim'].map(
        (user) =>
          startProgram([process.execPath, program, 'keys', 'add', '--user', user, '--config', file]).result,
      ),
    );
    const { stdout } = await sandbox('keys', 'ls');
    for (const { stdout: key } of added) expect(stdout).toContain(key.toString().slice(4, 12));
  });

  it('begin a configuration where there is none', async () => {
    expect((await sandbox('keys', 'add', '--user', 'alice')).exitCode).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect((await sandbox('config', 'check')).exitCode).toBe(0);
  });

  it('are not added to a file that is wrong, or for a name that is none', async () => {
    writeFileSync(file, '[sandbx]\n');
    expect((await sandbox('keys', 'add', '--user', 'alice')).exitCode).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe('[sandbx]\n');
    writeFileSync(file, '');
    expect((await sandbox('keys', 'add', '--user', 'a\nb')).exitCode).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe('');
  });
});

describe('serve', () => {
  const serve = (...words: string[]) =>
    startProgram([process.execPath, program, 'serve', '--port', '0', ...words], {
      env: { SANDBOX_CONFIG: file, REFERENCE_DIRECTORY: path.join(directory, 'sandboxes') },
    });

  async function urlOf(service: ReturnType<typeof serve>): Promise<string> {
    let printed = '';
    service.child.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await service.shows('http://127.0.0.1:');
    return printed.trim();
  }

  const post = (url: string, body: object, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  it('serves as whoever started it, and stops in good order', async () => {
    writeFileSync(file, '[server]\nidle_ttl = "5m"\n');
    const service = serve();
    const url = await urlOf(service);
    const made = await post(`${url}/sandbox`, { runtime: 'sh', network: 'full', code: 'echo served' });
    const { id, user, createdAt, expiresAt } = (await made.json()) as Record<string, string>;
    expect({ status: made.status, user }).toEqual({ status: 201, user: userInfo().username });
    expect(Date.parse(expiresAt ?? '') - Date.parse(createdAt ?? '')).toBe(300_000);
    const result = await (await post(`${url}/sandbox/${id}/execute`, {})).json();
    expect(result).toMatchObject({ stdout: 'served\n', exitCode: 0 });
    await post(`${url}/sandbox`, { runtime: 'sh', network: 'full', keep: true });
    service.child.kill('SIGTERM');
    expect(await service.result).toMatchObject({ exitCode: 0, signal: null });
    expect((await sandbox('ls', '--json')).stdout).not.toContain('sandbox-run-');
  });

  it('logs what is done as lines of JSON, and records executions for the history', async () => {
    writeFileSync(file, '[sandbox]\n');
    const env = { PLANTED: 'planted-env' };
    const service = serve('--log-level', 'info');
    const url = await urlOf(service);
    const made = await post(`${url}/sandbox`, {
      runtime: 'sh',
      network: 'full',
      env,
      code: 'echo planted-code',
    });
    const { id } = (await made.json()) as { id: string };
    await post(
      `${url}/sandbox/${id}/execute`,
      { stdin: 'planted-stdin' },
      { authorization: 'Bearer planted' },
    );
    writeFileSync(file, '[sandbx]\n');
    await service.shows('unknown key sandbx');
    service.child.kill('SIGTERM');
    const { stderr } = await service.result;
    const lines = stderr.trimEnd().split('\n');
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        'listening',
        'created',
        'request',
        'executed',
        'removed',
        'stopping',
        'stopped',
      ]),
    );
    expect(told.find(({ msg }) => msg === 'executed')).toMatchObject({ sandbox: id, ending: 'exited' });
    expect(stderr).not.toContain('planted');
    writeFileSync(file, '[sandbox]\n');
    const history = await sandbox('stats', '--history', '--by', 'language', '--json');
    expect(JSON.parse(history.stdout).rows).toContainEqual(
      expect.objectContaining({
        key: 'sh',
        outcomes: expect.objectContaining({ exited: expect.any(Number) }),
      }),
    );
  });

  it('asks for keys as soon as there are any', async () => {
    writeFileSync(file, '[sandbox]\n');
    const service = serve();
    const url = await urlOf(service);
    expect((await fetch(`${url}/sandbox`)).status).toBe(200);
    const key = (await sandbox('keys', 'add', '--user', 'alice')).stdout.trim();
    await expect.poll(async () => (await fetch(`${url}/sandbox`)).status, { timeout: 10_000 }).toBe(401);
    const made = await post(
      `${url}/sandbox`,
      { runtime: 'sh', network: 'full' },
      { authorization: `Bearer ${key}` },
    );
    expect(await made.json()).toMatchObject({ user: 'alice' });
    service.child.kill('SIGINT');
    expect((await service.result).exitCode).toBe(0);
  });

  it('does not listen where others are without keys, or where it cannot', async () => {
    writeFileSync(file, '[sandbox]\n');
    const open = await serve('--host', '0.0.0.0').result;
    expect(open).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('keys add') });
    expect((await serve('--port', '70000').result).exitCode).toBe(2);
  });
});
