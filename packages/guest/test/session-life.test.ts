import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lives, run, startAgent } from './real-agent.ts';

/** Resolves once a process is gone; the machine has a moment for it. */
async function gone(pid: number): Promise<void> {
  for (let n = 0; n < 200 && (await lives(pid)); n += 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await lives(pid)).toBe(false);
}

async function startTree(agent: Awaited<ReturnType<typeof startAgent>>) {
  const pids: number[] = [];
  let started: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    started = resolve;
  });
  const command = agent.session.exec({
    argv: ['sh', '-c', '(setsid sleep 1000 & echo $!); sleep 1000 & echo $!; echo $$; wait'],
    onStdout(chunk, release) {
      pids.push(...Buffer.from(chunk).toString().trim().split('\n').map(Number));
      release();
      if (pids.length === 3) started();
    },
  });
  await ready;
  return { command, pids };
}

/** Without a container around it, strays outlive an agent that is killed. */
function killStrays(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

describe('the life of a session', () => {
  it('opens, pings and counts', async () => {
    await using agent = await startAgent();
    expect(await agent.session.ping()).toBeGreaterThan(0);
    const stats = await agent.session.stats();
    expect(Object.keys(stats).sort()).toEqual(['cpuUs', 'memoryBytes', 'memoryLimitBytes', 'pids']);
    expect(agent.session.running).toBe(0);
  });

  it('kills everything when it is closed', async () => {
    await using agent = await startAgent();
    const { command, pids } = await startTree(agent);
    await agent.session.close();
    for (const pid of [...pids, agent.process.pid as number]) await gone(pid);
    expect(await agent.session.closed).toEqual({ reason: 'closed' });
    expect(await command.done).toBeDefined();
  });

  it('is lost when the agent is killed, and its commands die too', async () => {
    await using agent = await startAgent();
    const { command, pids } = await startTree(agent);
    agent.process.kill('SIGKILL');
    const end = await agent.session.closed;
    expect(end).toMatchObject({ reason: 'lost', error: { code: 'UNAVAILABLE' } });
    expect(end.error?.message).toMatch(/SIGKILL/);
    expect(await command.done).toMatchObject({ lost: true, exitCode: null });
    await gone(pids[2] as number).finally(() => killStrays(pids));
  });

  it('is lost when the agent is stopped', async () => {
    await using agent = await startAgent({ heartbeatMs: 50, lostAfterMs: 300 });
    const { command, pids } = await startTree(agent);
    agent.process.kill('SIGSTOP');
    expect((await agent.session.closed).error?.message).toMatch(/was not heard/);
    expect((await command.done).lost).toBe(true);
    killStrays(pids);
  });

  it('stays while nothing happens', async () => {
    await using agent = await startAgent({ heartbeatMs: 50, lostAfterMs: 1_000 });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await run(agent.session, ['true'])).status.exitCode).toBe(0);
  });

  it('keeps Node alive only while a command runs', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'guest-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const script = (work: string): string => `
      const { run, startAgent } = await import(${JSON.stringify(new URL('./real-agent.ts', import.meta.url).href)});
      const { session } = await startAgent({}, ${JSON.stringify(directory)});
      ${work}
      console.log('end of the program');
    `;
    const node = (source: string) =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], { timeout: 10_000 });
    expect((await node(script(''))).stdout).toBe('end of the program\n');
    const { stdout } = await node(
      script("session.exec({ argv: ['sleep', '0.3'] }).done.then(() => console.log('done'));"),
    );
    expect(stdout).toBe('end of the program\ndone\n');
  });
});
