import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LABEL } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { appleContainerForTests, here, scope } from './apple-container-here.ts';

const adapter = appleContainerForTests();

/** Runs a program of its own, as a user's would be. */
function program(mode: string) {
  const path = fileURLToPath(new URL('./host-program.ts', import.meta.url));
  const env = { ...process.env, SANDBOX_SCOPE: scope };
  const child = spawn(process.execPath, [path, mode], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const said = (async () => {
    let text = '';
    for await (const chunk of child.stdout) {
      text += chunk;
      if (text.includes('\n')) break;
    }
    return text.trim();
  })();
  return { child, said };
}

async function untilGone(name: string): Promise<void> {
  const end = performance.now() + 20_000;
  while ((await adapter.list({ [LABEL.name]: name })).length > 0) {
    if (performance.now() > end) throw new Error(`${name} is still there`);
  }
}

describe.runIf(here)('a program that uses apple/container', () => {
  it('leaves nothing behind when it is killed in the middle of a session', async () => {
    const { child, said } = program('session');
    const name = await said;
    expect((await adapter.inspect(name)).state).toBe('running');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await untilGone(name);
  });

  it('ends by itself, with a session left open', async () => {
    const { child, said } = program('idle');
    const [name, [code]] = await Promise.all([said, once(child, 'exit')]);
    expect(code).toBe(0);
    await untilGone(name);
  });
});
