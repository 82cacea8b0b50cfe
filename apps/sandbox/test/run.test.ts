import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { bin, dockerIsNamed, left, run, start, startApp } from './app.ts';

describe.skipIf(!dockerIsNamed)('sandbox run on Docker', () => {
  afterEach(async () => {
    expect(await left()).toEqual([]);
  });

  it('prints both streams apart and exits with the command’s code', async () => {
    const { exitCode, stdout, stderr } = await run(['--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect({ exitCode, stdout: stdout.toString(), stderr }).toEqual({
      exitCode: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it.each([
    ['exit 0', 0],
    ['exit 255', 255],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
  ])('%s: %i', async (script, expected) => {
    expect(await run(['--', 'sh', '-c', script])).toMatchObject({ exitCode: expected, signal: null });
  });

  it('127 for a program that is not there, 126 for one that cannot be executed', async () => {
    expect((await run(['--', 'no-such-program'])).exitCode).toBe(127);
    expect((await run(['--', '/etc/passwd'])).exitCode).toBe(126);
  });

  it('124 when time runs out, and the whole tree is gone', async () => {
    const { exitCode, stdout, stderr } = await run([
      '--timeout',
      '1s',
      '--',
      'sh',
      '-c',
      'echo so far; sleep 60 & wait',
    ]);
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 124, stdout: 'so far\n' });
    expect(stderr).toContain('--timeout');
  });

  it('tells a command that needed too much memory', async () => {
    const hog = 'tail -c 400m /dev/zero > /dev/null';
    const { exitCode, stdout } = await run(['--json', '-m', '64m', '--', 'sh', '-c', `${hog}; exit 3`]);
    const report = JSON.parse(stdout.toString());
    // The shell may live on and tell of it, or be the one that is killed.
    expect([3, 137]).toContain(exitCode);
    expect(report.enforcement.memory).toMatchObject({
      effective: 64 * 2 ** 20,
      status: 'enforced',
      source: 'request',
    });
  });

  it('gives a command nothing of the host', async () => {
    const script =
      'id -u; ls /workspace 2>&1; env; cat /proc/net/dev; grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; touch /x';
    const { stdout, stderr } = await run(['-e', 'GIVEN=1', '--', 'sh', '-c', script], {
      env: { HOST_SECRET: 'secret' },
    });
    const text = stdout.toString();
    expect(text).toMatch(/^1000\n/);
    expect(text).toContain('GIVEN=1');
    expect(text).not.toContain('secret');
    expect(text).not.toContain('eth0');
    expect(text).toMatch(/^CapBnd:\s+0+$/m);
    expect(text).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(text).toMatch(/^Seccomp:\s+2$/m);
    expect(stderr).toMatch(/touch: .*Read-only file system/);
  });

  it('carries 50 MB of bytes in and out again', async () => {
    const block = randomBytes(1024 * 1024);
    const hash = createHash('sha256');
    for (let count = 0; count < 50; count += 1) hash.update(block);
    const input = Readable.from(Array.from({ length: 50 }, () => block));
    const { exitCode, stdout } = await run(['--', 'cat'], { input });
    expect({ exitCode, length: stdout.length }).toEqual({ exitCode: 0, length: 50 * block.length });
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(hash.digest('hex'));
  });

  it('ends the command when nobody reads any more', async () => {
    const script = '"$0" "$@" | head -n 1; echo $PIPESTATUS';
    const words = [process.execPath, bin, 'run', '--runtime', 'docker', '--', 'yes'];
    const { stdout, stderr } = await start(['bash', '-c', script, ...words], { input: '' }).result;
    expect({ stdout: stdout.toString(), stderr }).toEqual({ stdout: 'y\n141\n', stderr: '' });
  });

  it('prints one object with --json', async () => {
    const { exitCode, stdout, stderr } = await run([
      '--json',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 3',
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' });
    const report = JSON.parse(stdout.toString());
    expect(Object.keys(report)).toEqual(
      'runtime runtimeReason sandbox command ending exitCode signal stdout stderr stdoutTruncated stderrTruncated durationMs usage enforcement warnings'.split(
        ' ',
      ),
    );
    expect(report).toMatchObject({
      runtime: 'docker',
      ending: 'exited',
      exitCode: 3,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });

  it.each([
    ['SIGINT', 'INT'],
    ['SIGTERM', 'TERM'],
  ] as const)('%s reaches the command', async (signal, name) => {
    const script = `trap 'echo got ${name}; exit 5' ${name}; echo ready; while :; do sleep 0.05; done`;
    const { child, result, shows } = startApp(['run', '--', 'sh', '-c', script]);
    await shows('ready');
    child.kill(signal);
    const { exitCode, stdout } = await result;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 5, stdout: `ready\ngot ${name}\n` });
  });

  it('a signal while the sandbox is being made leaves nothing', async () => {
    const app = startApp(['run', '--', 'sleep', '60'], { input: '' });
    // As soon as the engine knows of it, or before.
    await Promise.race([app.result, expect.poll(left, { timeout: 20_000, interval: 5 }).not.toEqual([])]);
    app.child.kill('SIGINT');
    expect(await app.result).toMatchObject({ exitCode: 130 });
  });

  it('kill -9 in mid-run leaves nothing, without any other command being run', async () => {
    const { child, result, shows } = startApp(['run', '--', 'sh', '-c', 'echo ready; sleep 60']);
    await shows('ready');
    expect(await left()).toHaveLength(1);
    child.kill('SIGKILL');
    await result;
    await expect.poll(left, { timeout: 20_000 }).toEqual([]);
  });
});
