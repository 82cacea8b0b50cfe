import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { containerDouble } from './index.ts';
import { isAtLeast } from './release.ts';

interface Case {
  readonly id: string;
  readonly argv: readonly string[];
  /** What has to be there for `exit` to be right; `any`: nothing. */
  readonly state: string;
  readonly exit: number;
  readonly stderrFirstLine?: string;
  readonly parsed?: Readonly<Record<string, unknown>>;
  readonly since?: string;
  readonly why: string;
}

/** Executed with the real command's own structures and parser (1.2.2): what it accepts, and what it says. */
const { cases } = JSON.parse(readFileSync(new URL('./argv-cases.json', import.meta.url), 'utf8')) as {
  cases: readonly Case[];
};

async function parseOnly(argv: readonly string[], environment: Record<string, string> = {}) {
  const env = { ...process.env, ...environment, FAKE_CONTAINER_ENGINE: 'none', FAKE_CONTAINER_FAULTS: '' };
  const child = spawn(containerDouble, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.on('exit', resolve)),
  ]);
  return { stdout, stderr, code };
}

const known = cases.filter(({ since = '0.1.0' }) => isAtLeast('1.2.2', since));

describe('the grammar of container 1.2.2', () => {
  it.each(known.filter(({ state }) => state === 'any'))('$id: $why', async (one) => {
    const { stdout, stderr, code } = await parseOnly(one.argv);
    expect(code, stderr).toBe(one.exit);
    if (one.stderrFirstLine !== undefined) expect(stderr.split('\n')[0]).toBe(one.stderrFirstLine);
    if (one.parsed) expect(JSON.parse(stdout).values).toMatchObject(one.parsed);
  });

  it.each(known.filter(({ state, parsed }) => state !== 'any' && parsed))('$id: $why', async (one) => {
    const { stdout } = await parseOnly(one.argv);
    expect(JSON.parse(stdout).values).toMatchObject(one.parsed ?? {});
  });

  it('hides what a release did not have', async () => {
    const argv = ['run', '--cap-drop=ALL', 'alpine'];
    expect((await parseOnly(argv)).code).toBe(0);
    const old = await parseOnly(argv, { FAKE_CONTAINER_VERSION: '0.11.0' });
    expect([old.code, old.stderr.split('\n')[0]]).toEqual([64, "Error: Unknown option '--cap-drop'"]);
  });

  it('has no networks on macOS 15', async () => {
    const { code, stderr } = await parseOnly(['network', 'list'], { FAKE_MACOS: '15' });
    expect([code, stderr.split('\n')[0]]).toEqual([64, "Error: Plugin 'container-network' not found."]);
  });
});
