import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capturedIo } from './captured-io.ts';
import { referenceCli } from './reference-cli.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'sandbox-config-'));
  // Commands run as another user, who must get there.
  chmodSync(directory, 0o711);
  file = path.join(directory, 'sandbox.toml');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Options {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

async function sandbox(words: readonly string[], { env = {}, cwd = directory }: Options = {}) {
  const io = capturedIo({ env: { HOME: directory, ...env }, cwd });
  const exitCode = await referenceCli(path.join(directory, 'sandboxes')).run(words, io);
  return { exitCode, stdout: io.out(), stderr: io.err() };
}

const json = async (words: readonly string[], options?: Options) =>
  JSON.parse((await sandbox([...words, '--json'], options)).stdout);
// The reference adapter has no network to take away, so that one must be asked for.
const run = (words: readonly string[], options?: Options) =>
  sandbox(['run', '--network', 'full', ...words], options);

describe('run', () => {
  it('goes by the file, and by what is asked for over it', async () => {
    writeFileSync(file, '[sandbox]\nopen_files = 123\ntimeout = "300ms"\nenv = { GREETING = "hi" }\n');
    const script = 'ulimit -n; echo $GREETING';
    const { stdout } = await run(['--config', file, '--', 'sh', '-c', script]);
    expect(stdout).toBe('123\nhi\n');
    expect((await run(['--config', file, '--', 'sleep', '60'])).exitCode).toBe(124);
    const longer = await run(['--config', file, '--timeout', '60s', '--', 'sleep', '0.5']);
    expect(longer.exitCode).toBe(0);
  });

  it('goes by who asks: --user-name, SANDBOX_USER, the login name, --cron', async () => {
    const user = (name: string, files: number) =>
      `[[users]]\nname = ${JSON.stringify(name)}\nsandbox = { open_files = ${files} }\n`;
    writeFileSync(
      file,
      `${user('ann', 101)}${user('bob', 102)}${user(userInfo().username, 103)}[[cron]]\nname = "nightly"\nuser = "bob"\nsandbox = { timeout = "300ms" }\n`,
    );
    const env = { SANDBOX_CONFIG: file };
    const files = async (words: readonly string[], more = {}) =>
      (await run([...words, '--', 'sh', '-c', 'ulimit -n'], { env: { ...env, ...more } })).stdout.trim();
    expect(await files([])).toBe('103');
    expect(await files([], { SANDBOX_USER: 'ann' })).toBe('101');
    expect(await files(['--user-name', 'bob'], { SANDBOX_USER: 'ann' })).toBe('102');
    expect(await files(['--cron', 'nightly'])).toBe('102');
    expect((await run(['--cron', 'nightly', '--', 'sleep', '60'], { env })).exitCode).toBe(124);
    const borrowed = await run(['--cron', 'nightly', '--user-name', 'ann', '--', 'true'], { env });
    expect(borrowed).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('another user') });
    const unknown = await run(['--cron', 'weekly', '--', 'true'], { env });
    expect(unknown).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('no job "weekly"') });
  });

  it('is refused where sandboxes are switched off, and runs nothing', async () => {
    writeFileSync(file, '[sandbox]\nenabled = false\n');
    const mark = path.join(directory, 'ran');
    const { exitCode, stderr } = await run(['--config', file, '--', 'touch', mark]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr: expect.stringContaining(`false in ${file}`),
    });
    expect(() => statSync(mark)).toThrow();
    expect((await sandbox(['ls', '--config', file])).exitCode).toBe(0);
  });

  it('is refused where the trust of the caller does not allow it', async () => {
    writeFileSync(file, '[[users]]\nname = "ann"\ntrust = "inner"\n[trust.inner]\nmax_timeout = "1s"\n');
    const ask = (name: string) =>
      run(['--config', file, '--user-name', name, '--timeout', '2s', '--', 'true']);
    expect(await ask('ann')).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining('max_timeout: trust inner'),
    });
    expect((await ask('bob')).exitCode).toBe(0);
  });

  it('is never told by the working directory what it may do', async () => {
    const work = path.join(directory, 'work');
    mkdirSync(path.join(work, '.config/sandbox'), { recursive: true });
    mkdirSync(path.join(work, 'sandbox'));
    for (const place of ['sandbox.toml', '.config/sandbox/sandbox.toml', 'sandbox/sandbox.toml'])
      writeFileSync(path.join(work, place), 'not = "right"\n');
    expect((await run(['--', 'true'], { cwd: work })).exitCode).toBe(0);
    expect((await run(['--', 'true'], { cwd: work, env: { XDG_CONFIG_HOME: '.' } })).exitCode).toBe(0);
  });

  it.each([
    ['is not there', 125, 'is not there', () => {}],
    [
      'is wrong',
      2,
      ':2: unknown key sandbox.memroy',
      () => writeFileSync(file, '[sandbox]\nmemroy = "1g"\n'),
    ],
    [
      'is open to others',
      125,
      'everybody may write to it',
      () => {
        writeFileSync(file, '');
        chmodSync(file, 0o666);
      },
    ],
  ] as const)('is refused where the file that was named %s', async (_, exitCode, message, prepare) => {
    prepare();
    const mark = path.join(directory, 'ran');
    for (const words of [['run', '--', 'touch', mark], ['ls'], ['rm', 'x'], ['inspect', 'x'], ['doctor']]) {
      const [command = '', ...rest] = words;
      const result = await sandbox([command, '--config', file, ...rest]);
      expect(result).toMatchObject({ exitCode, stderr: expect.stringContaining(message), stdout: '' });
      expect(result.stderr).toContain('hint: ');
    }
    expect(() => statSync(mark)).toThrow();
  });

  it('uses the runtime that is configured, and no other', async () => {
    writeFileSync(file, '[sandbox]\nruntime = "elsewhere"\n');
    expect(await run(['--config', file, '--', 'true'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('"elsewhere"'),
    });
    expect((await run(['--config', file, '--runtime', 'reference', '--', 'true'])).exitCode).toBe(0);
  });
});

describe('config show', () => {
  it('tells what holds, and which line says so', async () => {
    writeFileSync(file, '[sandbox]\nmemory = "2g"\n[[users]]\nname = "ann"\ntrust = "public"\n');
    const { exitCode, stdout } = await sandbox(['config', 'show', '--config', file, '--user', 'ann']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`file   ${file}\n`);
    expect(stdout).toMatch(/^trust {2}public \(user, line 5\)$/m);
    expect(stdout).toMatch(/^memory +512m +lowered by max_memory; 2g \(config, line 2\)$/m);
    expect(stdout).toMatch(/^pids_limit +128 +lowered by max_pids; 1024 \(built in\)$/m);
    expect(stdout).toMatch(/^max_sandboxes +2 +built in$/m);
    const report = await json(['config', 'show', '--config', file, '--user', 'ann']);
    expect(report).toMatchObject({ user: 'ann', trust: { value: 'public', source: 'user', line: 5 } });
    expect(report.settings.image).toEqual({ value: 'debian:bookworm-slim', source: 'default', line: null });
  });

  it('tells that nothing is configured', async () => {
    const { stdout } = await sandbox(['config', 'show']);
    expect(stdout).toContain('none: the built-in values hold');
    expect(stdout).toContain(`user   ${userInfo().username}\n`);
  });

  it('tells errors as JSON too', async () => {
    expect(await json(['config', 'show', '--config', file])).toMatchObject({ error: { code: 'NOT_FOUND' } });
    expect(await json(['config', 'show', '--cron', 'x'])).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });
});

describe('config check', () => {
  it('tells all that is wrong, each with its line', async () => {
    writeFileSync(file, '[sandbox]\nmemroy = "1g"\npids_limit = 0\nruntime = "refernce"\n');
    const { exitCode, stdout, stderr } = await sandbox(['config', 'check', file]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`${file}:2: unknown key sandbox.memroy\nhint: Did you mean memory?\n`);
    expect(stderr).toContain(`${file}:3: sandbox.pids_limit is at least 1`);
    const report = await json(['config', 'check', '--config', file]);
    expect(report).toMatchObject({ file, ok: false, problems: [{ line: 2 }, { line: 3 }], warnings: [] });
  });

  it('finds what is right, and tells what may not be meant', async () => {
    writeFileSync(file, '[sandbox]\nruntime = "refernce"\n[runtimes.elsewhere]\n');
    const { exitCode, stdout, stderr } = await sandbox(['config', 'check', file]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${file}: right\n` });
    expect(stderr).toContain(`warning: ${file}:2: sandbox.runtime: this program has no runtime "refernce"`);
    expect(stderr).toContain('hint: Did you mean reference?');
    expect(await sandbox(['config', 'check'])).toMatchObject({
      exitCode: 0,
      stdout: 'no configuration is there: right\n',
    });
  });
});

describe('config init', () => {
  const written = () => path.join(directory, '.config/sandbox/sandbox.toml');

  it('writes where it is looked for, and what it writes is right', async () => {
    expect(await sandbox(['config', 'init'])).toMatchObject({ exitCode: 0, stdout: `${written()}\n` });
    expect((await sandbox(['config', 'check'])).stdout).toBe(`${written()}: right\n`);
    expect((await json(['config', 'show'])).file).toBe(written());
  });

  it('writes over nothing unless told to, and then in one step, through a link', async () => {
    mkdirSync(path.dirname(written()), { recursive: true });
    const target = path.join(directory, 'mine.toml');
    writeFileSync(target, '[sandbox]\nmemory = "1g"\n');
    symlinkSync(target, written());
    const refused = await sandbox(['config', 'init']);
    expect(refused).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('--force') });
    expect(readFileSync(target, 'utf8')).toContain('1g');
    const { ino } = statSync(target);
    expect(await json(['config', 'init', '--force'])).toEqual({ file: written() });
    expect(readFileSync(target, 'utf8')).toContain('# memory = "4g"');
    expect(statSync(target).ino).not.toBe(ino);
    const device = await sandbox(['config', 'init', '--force', '--config', '/dev/null']);
    expect(device).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('is no file') });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    const named = path.join(directory, 'other/place.toml');
    expect((await sandbox(['config', 'init', '--config', named])).stdout).toBe(`${named}\n`);
    const env = { SANDBOX_CONFIG: path.join(directory, 'env.toml') };
    expect((await sandbox(['config', 'init'], { env })).stdout).toBe(`${env.SANDBOX_CONFIG}\n`);
  });
});
