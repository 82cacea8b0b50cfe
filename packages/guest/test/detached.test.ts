import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GuestDetached } from '../src/detached.ts';
import { lives, startAgent, startInit } from './real-agent.ts';

let directory: string;
let key: string;
let init: ReturnType<typeof startInit>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'guest-'));
  key = randomBytes(32).toString('base64url');
  init = startInit(directory, key);
});

afterEach(async () => {
  const gone = once(init, 'exit');
  init.kill('SIGKILL');
  await gone;
  rmSync(directory, { recursive: true, force: true });
});

/** In a session of its own. */
async function inSession<T>(work: (detached: GuestDetached) => Promise<T>): Promise<T> {
  const { session, process } = await startAgent({}, directory);
  try {
    const detached = session.detached(key);
    // Both start at the same time.
    while (!(await detached.list().catch(() => undefined)));
    return await work(detached);
  } finally {
    const gone = once(process, 'exit');
    await session.close();
    await gone;
  }
}

it('outlives the session that started it, and is waited for in another', async () => {
  const { id, pid } = await inSession((detached) =>
    detached.start({ argv: ['sh', '-c', 'echo started; exec sleep 300'], cwd: directory }),
  );
  expect(await lives(pid ?? 0)).toBe(true);
  await inSession(async (detached) => {
    const printed: Buffer[] = [];
    const first = Promise.withResolvers<void>();
    const { done } = detached.logs(id, {
      follow: true,
      onStdout(chunk, release) {
        printed.push(Buffer.from(chunk));
        release();
        first.resolve();
      },
    });
    await first.promise;
    expect((await detached.list()).map((record) => [record.id, record.status])).toEqual([[id, null]]);
    await inSession((other) => other.signal(id, 10));
    const { status, stdoutMissed } = await done;
    expect([status?.signal, stdoutMissed]).toEqual([10, 0]);
    expect(Buffer.concat(printed).toString()).toBe('started\n');
    expect((await detached.wait(id)).status).toEqual(status);
  });
});

it('is killed with all that it has started', async () => {
  await inSession(async (detached) => {
    const script = '(setsid sh -c "echo \\$\\$; exec sleep 300" &) ; exec sleep 300';
    const { id } = await detached.start({ argv: ['sh', '-c', script] });
    let printed = '';
    await new Promise<void>((resolve) => {
      const logs = detached.logs(id, {
        follow: true,
        onStdout(chunk, release) {
          release();
          printed += Buffer.from(chunk);
          if (!printed.endsWith('\n')) return;
          logs.close();
          resolve();
        },
      });
    });
    expect(await lives(Number(printed))).toBe(true);
    expect((await detached.kill(id)).status).toMatchObject({ signal: 9, cause: 'cancel', lost: false });
    expect(await lives(Number(printed))).toBe(false);
  });
});

it('says why there is none', async () => {
  await inSession(async (detached) => {
    await expect(detached.start({ argv: ['true'], cwd: '/no/such' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      operation: 'detach',
    });
    expect((await detached.start({ argv: ['no-such-program'] })).status).toMatchObject({ exitCode: 127 });
    await expect(detached.wait('01234567-1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

it('is unsupported where nobody keeps it', async () => {
  const agent = await startAgent({}, directory);
  await expect(agent.session.detached('A'.repeat(43)).list()).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  await agent.session.close();
});
