import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OrdinaryUser, whyNoUser } from './ordinary-user.ts';
import { podmanIsHere } from './podman-here.ts';

const why = whyNoUser();
const here = await podmanIsHere();

// Podman without root rights copies an image's layers once for its mapping of ids.
const LIMIT_MS = 1_800_000;

describe.runIf(here && why !== undefined)('Podman without root rights', () => {
  it(`is not tried here: ${why}`, ({ skip }) => skip(why));
});

describe.runIf(here && why === undefined)('Podman without root rights', () => {
  let user: OrdinaryUser;
  beforeAll(async () => {
    user = new OrdinaryUser();
    await user.loadImage();
  });
  afterAll(() => user?.[Symbol.asyncDispose]());

  it('runs a command with no option and no file', async () => {
    const sandbox = ['node', 'apps/sandbox/bin/sandbox.js', 'run', '--runtime', 'podman'];
    expect(await user.run([...sandbox, '--', 'echo', 'hi'])).toMatchObject({ code: 0, stdout: 'hi\n' });
    const { code, stdout } = await user.run([...sandbox, '--json', '--', 'sh', '-c', 'echo out; exit 3']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ runtime: 'podman', exitCode: 3, stdout: 'out\n' });
  }, 120_000);

  it('conforms, and stands what can go wrong', { timeout: LIMIT_MS }, async () => {
    const tests = ['conformance', 'faults', 'sandboxes', 'service', 'workspace'].map(
      (name) => `${name}.test.ts`,
    );
    const args = ['run', '--configLoader', 'runner', '--project', 'integration'];
    const files = [
      ...tests.map((name) => join('packages/adapter-podman/test', name)),
      'packages/podman-client/test',
    ];
    const { code } = await user.run(['node', 'node_modules/vitest/vitest.mjs', ...args, ...files], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { SANDBOX_RUNTIMES: 'podman', SANDBOX_REPORTER: process.env.SANDBOX_REPORTER },
    });
    expect(code).toBe(0);
  });
});
