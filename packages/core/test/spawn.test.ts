import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandboxes, type Sandbox, type Sandboxes } from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';
import { isAlive, processesWith, until } from './support/processes.ts';

let sandboxes: Sandboxes;
let box: Sandbox;
beforeAll(async () => {
  sandboxes = createSandboxes({ adapter: createPlainAdapter() });
  box = await sandboxes.create();
});
afterAll(() => sandboxes.close());

const sh = (script: string) => ['sh', '-c', script];
const text = async (stream: AsyncIterable<Uint8Array>) => {
  const decoder = new TextDecoder();
  let all = '';
  for await (const chunk of stream) all += decoder.decode(chunk, { stream: true });
  return all + decoder.decode();
};

describe('spawn', () => {
  it('gives streams, a process id and an end', async () => {
    await using command = await box.spawn(sh('echo $$; cat; echo err >&2; exit 5'));
    const writer = command.stdin.getWriter();
    await writer.write(Buffer.from('in\n'));
    await writer.close();
    const [stdout, stderr, result] = await Promise.all([
      text(command.stdout),
      text(command.stderr),
      command.wait(),
    ]);
    expect(stdout).toBe(`${await command.pid}\nin\n`);
    expect(stderr).toBe('err\n');
    expect(result).toMatchObject({ ending: 'exited', exitCode: 5, signal: null });
  });

  it('has Web streams', async () => {
    await using command = await box.spawn(['cat']);
    const sent = new Blob(['a'.repeat(3_000_000)]).stream().pipeTo(command.stdin);
    const received = await new Response(command.stdout as ReadableStream<Uint8Array<ArrayBuffer>>).text();
    await sent;
    expect(received).toBe('a'.repeat(3_000_000));
  });

  it('prints no more than is read', async () => {
    await using command = await box.spawn(['cat', '/dev/zero']);
    const reader = command.stdout.getReader();
    let read = 0;
    while (read < 5_000_000) read += (await reader.read()).value?.length ?? 0;
    await box.exec(['sleep', '0.3']);
    const other = await box.exec(['echo', 'meanwhile']);
    expect(other.stdout).toBe('meanwhile\n');
    await reader.cancel();
    // Whoever goes on writing gets SIGPIPE.
    expect(await command.wait()).toMatchObject({ ending: 'signaled', signal: 'SIGPIPE' });
  });

  it('ends also when nobody reads what it printed', async () => {
    const command = await box.spawn(['head', '-c', '1040000', '/dev/zero']);
    expect(await command.wait()).toMatchObject({ exitCode: 0 });
    let length = 0;
    for await (const chunk of command.stdout) length += chunk.length;
    expect(length).toBe(1_040_000);
  });

  it('kills the whole tree, and says so when it is gone', async () => {
    const mark = `9${Math.floor(Math.random() * 1e6)}`;
    const command = await box.spawn(sh(`(setsid sleep ${mark} &) ; cat /dev/zero & sleep ${mark}`));
    const pid = (await command.pid) as number;
    await until(() => processesWith(mark).length >= 2, 'it runs');
    expect(await command.kill()).toMatchObject({ ending: 'signaled', signal: 'SIGKILL', exitCode: null });
    expect(isAlive(pid)).toBe(false);
    expect(processesWith(mark)).toEqual([]);
    expect(await command.kill()).toMatchObject({ ending: 'signaled' });
  });

  it('is killed when it is disposed of', async () => {
    let pid: number;
    {
      await using command = await box.spawn(['sleep', '100']);
      pid = (await command.pid) as number;
    }
    expect(isAlive(pid)).toBe(false);
  });

  it('takes signals by name', async () => {
    const command = await box.spawn(
      sh('trap "echo usr1; exit 9" USR1; echo ready; while :; do sleep 0.05; done'),
    );
    const reader = command.stdout.getReader();
    await reader.read();
    await command.signal('SIGUSR1');
    expect(await command.wait()).toMatchObject({ ending: 'exited', exitCode: 9 });
    await command.signal('SIGTERM');
    await expect(command.signal('SIGNOPE')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('has terminals that can be resized', async () => {
    await using command = await box.spawn(sh('stty size; read x; stty size; echo $TERM'), {
      terminal: { rows: 10, columns: 20 },
    });
    const reader = command.stdout.getReader();
    const seen: Uint8Array[] = [];
    const readMore = async () => {
      const { value } = await reader.read();
      if (value) seen.push(value);
    };
    await until(async () => {
      await readMore();
      return Buffer.concat(seen).includes('10 20');
    }, 'the first size');
    await command.resize({ rows: 30, columns: 40 });
    const writer = command.stdin.getWriter();
    await writer.write(Buffer.from('\n'));
    for (let done = false; !done; ) {
      const chunk = await reader.read();
      done = chunk.done;
      if (chunk.value) seen.push(chunk.value);
    }
    const shown = Buffer.concat(seen).toString();
    expect(shown).toContain('30 40');
    expect(shown).toContain('xterm-256color');
    expect(await command.wait()).toMatchObject({ exitCode: 0 });
    await expect(command.resize({ rows: 0, columns: 1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('tells what is not there by exit code 127, with no process id', async () => {
    const command = await box.spawn(['no-such-program']);
    expect(await command.wait()).toMatchObject({ ending: 'exited', exitCode: 127 });
    expect(await command.pid).toBeNull();
  });

  it('ends when it is aborted, or its time is over', async () => {
    const controller = new AbortController();
    const aborted = await box.spawn(['sleep', '100'], { signal: controller.signal });
    controller.abort();
    expect(await aborted.wait()).toMatchObject({ ending: 'aborted' });
    const late = await box.spawn(['sleep', '100'], { timeoutMs: 50 });
    expect(await late.wait()).toMatchObject({ ending: 'timed-out' });
  });

  it('refuses input that nobody reads', async () => {
    await using command = await box.spawn(['true'], { stdin: 'none' });
    await expect(command.stdin.getWriter().write(Buffer.from('x'))).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });
});
