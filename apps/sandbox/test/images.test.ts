import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDockerAdapter } from '@sandbox/adapter-docker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerIsNamed, run, type StartOptions, startApp } from './app.ts';

const nsjailIsNamed = (process.env.SANDBOX_RUNTIMES ?? '').split(',').includes('nsjail');
const image = 'debian:bookworm-slim';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sandbox-images-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const unpack = (directory: string, words: readonly string[] = [], options: StartOptions = {}) =>
  startApp(['images', 'unpack', '--runtime', 'docker', '--pull', 'never', ...words, image, directory], {
    input: '',
    ...options,
  });
const beside = () => readdirSync(base).filter((name) => name.includes('unpacking'));

/** The containers that this process exported. */
async function containersOf(pid: number | undefined): Promise<string[]> {
  const adapter = createDockerAdapter();
  try {
    const all = await adapter.list();
    const mine = all.filter(({ labels }) => labels['dev.sandbox.instance']?.includes(`:${pid}:`));
    return mine.map(({ name }) => name);
  } finally {
    await adapter.close();
  }
}

describe.skipIf(!dockerIsNamed)('sandbox images unpack', () => {
  const root = () => join(base, 'a "root"');
  beforeAll(async () => {
    const started = unpack(root(), ['--json']);
    const { exitCode, stdout, stderr } = await started.result;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout.toString())).toMatchObject({ image, runtime: 'docker', directory: root() });
    expect(await containersOf(started.child.pid)).toEqual([]);
  });

  it.skipIf(!nsjailIsNamed)(
    'makes a root file system that nsjail runs, as an engine runs the image',
    async () => {
      const script = [
        'sh',
        '-c',
        'cat /etc/os-release; env | sort | grep -Ev "^(_|HOSTNAME)="; ls /; command -v apt-get',
      ];
      const words = ['run', '--runtime', 'nsjail', '--image', root(), '--', ...script];
      const { exitCode, stdout, stderr } = await startApp(words, { input: '' }).result;
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout.toString()).toContain('bookworm');
      const onDocker = await run(['--image', image, '--', ...script]);
      expect(stdout.toString()).toBe(onDocker.stdout.toString());
    },
  );

  it('says where it is and what to type next', async () => {
    const { exitCode, stdout, stderr } = await unpack('plain', [], { cwd: base }).result;
    expect(exitCode).toBe(0);
    expect(stdout.toString()).toMatch(
      new RegExp(`^${base}/plain: ${image}, \\d+ entries, [\\d.]+ MiB, without .*set-user-id bits\n`),
    );
    expect(stdout.toString()).toContain(`sandbox run --runtime nsjail --image ${base}/plain -- cat`);
    expect(stderr).toBe(`unpacking ${image}\n`);
  });

  it('refuses a directory that has something in it, and leaves it as it is', async () => {
    mkdirSync(join(base, 'full'));
    writeFileSync(join(base, 'full/mine'), 'mine');
    const { exitCode, stdout, stderr } = await unpack(join(base, 'full')).result;
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 125, stdout: '' });
    expect(stderr).toMatch(/^sandbox: .*full is not empty\nhint: .*not there yet/);
    expect(readdirSync(join(base, 'full'))).toEqual(['mine']);
    expect(readFileSync(join(base, 'full/mine'), 'utf8')).toBe('mine');
  });

  it('refuses an image that is not there, and a runtime that has none', async () => {
    const words = ['images', 'unpack', '--json', '--runtime'];
    const missing = [...words, 'docker', '--pull', 'never', 'no-such-image:1', join(base, 'x')];
    const outcome = async (argv: readonly string[]) => {
      const { exitCode, stdout } = await startApp(argv, { input: '' }).result;
      return { exitCode, ...JSON.parse(stdout.toString()).error };
    };
    expect(await outcome(missing)).toMatchObject({ exitCode: 125, code: 'NOT_FOUND' });
    const none = [...words, 'nsjail', image, join(base, 'x')];
    expect(await outcome(none)).toMatchObject({ exitCode: 125, code: 'UNSUPPORTED' });
    expect(readdirSync(base)).not.toContain('x');
  });

  it('leaves nothing when it is interrupted', async () => {
    const started = unpack(join(base, 'interrupted'));
    await started.shows('unpacking');
    started.child.kill('SIGINT');
    expect((await started.result).exitCode).toBe(130);
    expect(readdirSync(base)).not.toContain('interrupted');
    expect(beside()).toEqual([]);
    expect(await containersOf(started.child.pid)).toEqual([]);
  });

  it('leaves no half of a directory when it is killed, and the next look removes the rest', async () => {
    const started = unpack(join(base, 'killed'));
    await started.shows('unpacking');
    started.child.kill('SIGKILL');
    await started.result;
    expect(readdirSync(base)).not.toContain('killed');
    // The next one of the same name, and whoever runs something: tests in a scope of their own do not look further.
    expect((await unpack(join(base, 'killed')).result).exitCode).toBe(0);
    expect(beside()).toEqual([]);
    await run(['--', 'true'], { env: { SANDBOX_SCOPE: '' } });
    expect(await containersOf(started.child.pid)).toEqual([]);
  });
});
