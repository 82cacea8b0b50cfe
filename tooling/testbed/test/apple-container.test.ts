import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { containerDouble } from '../src/apple-container/index.ts';

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/).filter(Boolean);

interface Case {
  readonly id: string;
  readonly argv: readonly string[];
  /** `running:box1`, `stopped:box1`, `missing:image`. */
  readonly state: string;
  readonly exit: number;
  readonly stderrFirstLine?: string;
  readonly stdout?: string;
  readonly why: string;
}

const cases = new URL('../src/apple-container/argv-cases.json', import.meta.url);
const all = (JSON.parse(readFileSync(cases, 'utf8')) as { cases: readonly Case[] }).cases;
/** What only the grammar has, and no engine carries out. */
const parsedOnly = ['logs', 'network'];

async function container(...argv: string[]) {
  const ended = promisify(execFile)(containerDouble, argv);
  return await ended.then(
    (streams) => ({ ...streams, code: 0 }),
    (failed: { stdout: string; stderr: string; code: number }) => failed,
  );
}

describe.runIf(named.includes('apple-container'))('the double over an engine', () => {
  it.each(
    all.filter(
      ({ argv: [command = ''], state, stdout }) =>
        (state !== 'any' || stdout !== undefined) && !parsedOnly.includes(command),
    ),
  )('$id: $why', async ({ argv, state, exit, stdout, stderrFirstLine }) => {
    // The cases all call theirs the same.
    const suffix = randomBytes(4).toString('hex');
    const own = (text: string) => text.replace(/\b(box1|vol1)\b/, `$1-${suffix}`);
    const [condition, box = ''] = own(state).split(':');
    if (condition === 'running')
      await container('run', '--detach', `--name=${box}`, 'debian:bookworm-slim', 'sleep', '1000');
    if (condition === 'stopped') await container('create', `--name=${box}`, 'debian:bookworm-slim');
    const ended = await container(...argv.map(own));
    expect(ended.code, ended.stderr).toBe(exit);
    if (stdout !== undefined) expect(ended.stdout.trim()).toBe(own(stdout));
    if (stderrFirstLine !== undefined) expect(ended.stderr.split('\n')[0]).toBe(own(stderrFirstLine));
    if (box !== 'image') await container('delete', '--force', box);
    await container('volume', 'delete', own('vol1'));
  });

  it('gives all that was printed to whoever reads it late', async () => {
    const words = ['run', '--rm', 'debian:bookworm-slim', 'head', '-c', '3000000', '/dev/zero'];
    const late = '"$0" "$@" | { sleep 1; wc -c; }';
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', late, containerDouble, ...words]);
    expect(Number(stdout)).toBe(3_000_000);
  });

  it('takes environment and relative paths from its caller, not from its service', async () => {
    const name = `here-${randomBytes(4).toString('hex')}`;
    const options = { cwd: import.meta.dirname, env: { ...process.env, FROM_HERE: 'yes' } };
    const argv = ['create', `--name=${name}`, '--env=FROM_HERE', '--volume=./:/here', 'debian:bookworm-slim'];
    await promisify(execFile)(containerDouble, argv, options);
    const [{ configuration }] = JSON.parse((await container('inspect', name)).stdout);
    expect(configuration.initProcess.environment).toContain('FROM_HERE=yes');
    expect(configuration.mounts[0].source).toBe(import.meta.dirname);
    await container('delete', name);
  });
});
