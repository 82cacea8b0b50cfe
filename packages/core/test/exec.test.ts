import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandError, createSandboxes, type Sandbox, type Sandboxes } from '../src/index.ts';
import { createPlainAdapter } from './support/plain-adapter.ts';
import { processesWith, until } from './support/processes.ts';

let sandboxes: Sandboxes;
let box: Sandbox;
beforeAll(async () => {
  sandboxes = createSandboxes({ adapter: createPlainAdapter() });
  box = await sandboxes.create();
});
afterAll(() => sandboxes.close());

const sh = (script: string) => ['sh', '-c', script];
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('exec', () => {
  it('collects both streams apart and gives the exit code', async () => {
    const result = await box.exec(sh('echo out; echo err >&2; exit 42'));
    expect(result).toMatchObject({
      ...{ ending: 'exited', exitCode: 42, signal: null, stdout: 'out\n', stderr: 'err\n' },
      ...{ stdoutLength: 4, stderrLength: 4, stdoutTruncated: false, stderrTruncated: false, warnings: [] },
    });
    expect(result.stdoutBytes).toEqual(new Uint8Array(Buffer.from('out\n')));
    expect(result.durationMs).toBeGreaterThan(0);
    expect(result.usage.peakMemoryBytes).toBeGreaterThan(0);
  });

  it('hands argv over byte for byte', async () => {
    const words = ['', ' ', 'a b', '$HOME', '`id`', '"', "'", '\\', '*', 'ü😀', '-n', '--', 'a\nb', '\x01'];
    const result = await box.exec(['printf', '<%s>', ...words]);
    expect(result.stdout).toBe(words.map((word) => `<${word}>`).join(''));
  });

  it('tells a program that is not there from one that cannot be executed', async () => {
    expect(await box.exec(['no-such-program'])).toMatchObject({ ending: 'exited', exitCode: 127 });
    expect(await box.exec(['/etc/passwd'])).toMatchObject({ ending: 'exited', exitCode: 126 });
  });

  it('names the signal that ended a command', async () => {
    expect(await box.exec(sh('kill -SEGV $$'))).toMatchObject({
      ...{ ending: 'signaled', exitCode: null, signal: 'SIGSEGV' },
    });
  });

  it('sets environment and directory', async () => {
    const result = await box.exec(sh('echo "$A$B"; pwd'), { env: { A: '1', B: '=2' }, cwd: '/usr' });
    expect(result.stdout).toBe('1=2\n/usr\n');
    expect((await box.exec(['pwd'], { cwd: '.' })).stdout).toBe((await box.exec(['pwd'])).stdout);
  });

  it.each([
    ['a string', 'häl\nlo'],
    ['bytes', Buffer.from('häl\nlo')],
    ['a stream', new Blob(['häl\n', 'lo']).stream()],
    [
      'an async iterable',
      (async function* () {
        yield 'häl\n';
        yield Buffer.from('lo');
      })(),
    ],
  ])('reads stdin from %s', async (_what, stdin) => {
    expect((await box.exec(['cat'], { stdin })).stdout).toBe('häl\nlo');
  });

  it('reads end of file without stdin', async () => {
    expect(await box.exec(['cat'])).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('lets a command end that does not read its stdin', async () => {
    let returned = false;
    const endless = (async function* () {
      try {
        for (;;) yield Buffer.alloc(65_536);
      } finally {
        returned = true;
      }
    })();
    expect(await box.exec(['true'], { stdin: endless })).toMatchObject({ exitCode: 0 });
    await until(() => returned, 'the input was let go');
    const silent = (async function* () {
      await new Promise(() => {});
      yield '';
    })();
    expect(await box.exec(['true'], { stdin: silent })).toMatchObject({ exitCode: 0 });
  });

  it('stops the command and throws what the input threw', async () => {
    const failing = (async function* () {
      yield 'a';
      throw new TypeError('mine');
    })();
    await expect(box.exec(['cat'], { stdin: failing })).rejects.toMatchObject({
      ...{ code: 'UNKNOWN', message: 'mine', cause: expect.any(TypeError) },
    });
  });

  it('leaves no command behind whose input cannot be read', async () => {
    const mark = randomUUID();
    const locked = new Blob(['x']).stream();
    locked.getReader();
    const failing = {
      [Symbol.asyncIterator](): AsyncIterator<string> {
        throw new TypeError('mine');
      },
    };
    for (const stdin of [locked, failing]) {
      await expect(box.exec(['sh', '-c', 'cat; true', mark], { stdin })).rejects.toMatchObject({
        ...{ code: 'UNKNOWN', cause: expect.any(TypeError) },
      });
      // By the end of a later one, an earlier one has been started.
      await box.exec(['true']);
      await until(() => processesWith(mark).length === 0, 'the command has ended');
    }
  });

  it('takes 4 MiB in and gives them back', async () => {
    const data = Buffer.alloc(4 * 1024 * 1024, 'ab€');
    const result = await box.exec(['cat'], { stdin: data });
    expect(Buffer.from(result.stdoutBytes).equals(data)).toBe(true);
  });

  it('runs fifty commands at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => box.exec(sh(`echo ${index}; exit ${index}`))),
    );
    expect(results.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(
      Array.from({ length: 50 }, (_, index) => [index, `${index}\n`]),
    );
  });
});

describe('output', () => {
  it.each([
    [99_999, false],
    [100_000, false],
    [100_001, true],
  ])('with a limit of 100,000, %i bytes are truncated: %s', async (length, truncated) => {
    const result = await box.exec(['head', '-c', String(length), '/dev/zero'], { maxOutputBytes: 100_000 });
    expect(result).toMatchObject({ stdoutTruncated: truncated, stdoutLength: length, exitCode: 0 });
    expect(result.stdoutBytes.length).toBe(Math.min(length, 100_000));
  });

  it('keeps 10 MiB and counts the rest', async () => {
    const result = await box.exec(['head', '-c', '30000000', '/dev/zero']);
    expect(result).toMatchObject({ stdoutTruncated: true, stdoutLength: 30_000_000, exitCode: 0 });
    expect(result.stdoutBytes.length).toBe(10 * 1024 * 1024);
  });

  it('kills a command that prints too much, if so told', async () => {
    const result = await box.exec(['cat', '/dev/zero'], { maxOutputBytes: 1000, onOutputLimit: 'kill' });
    expect(result).toMatchObject({ ending: 'output-limit', exitCode: null, stdoutTruncated: true });
    expect(result.stdoutBytes.length).toBe(1000);
  });

  it('decodes characters that come in pieces, and what is none', async () => {
    const result = await box.exec(
      sh(String.raw`for b in 360 237 230 200 377; do printf "\\$b"; sleep 0.02; done`),
    );
    expect(result.stdout).toBe('😀\ufffd');
  });

  it('shows chunks as they come, and waits for promises', async () => {
    let shown = 0;
    let atOnce = 0;
    const result = await box.exec(['head', '-c', '5000000', '/dev/zero'], {
      async onStdout(chunk) {
        atOnce += 1;
        expect(atOnce).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        shown += chunk.length;
        atOnce -= 1;
      },
    });
    expect([shown, result.stdoutLength]).toEqual([5_000_000, 5_000_000]);
  });

  it('holds up a command whose output nobody takes', async () => {
    const gate = Promise.withResolvers<void>();
    const running = box.exec(['cat', '/dev/zero'], { timeoutMs: 1000, onStdout: () => gate.promise });
    const other = await box.exec(['echo', 'meanwhile']);
    expect(other.stdout).toBe('meanwhile\n');
    const result = await running;
    expect(result.ending).toBe('timed-out');
    // A window, and what a pipe and the agent hold.
    expect(result.stdoutLength).toBeLessThan(8 * 1024 * 1024);
    gate.resolve();
  });

  it('stops the command and throws what a callback threw', async () => {
    const error = new TypeError('mine');
    await expect(
      box.exec(['yes'], {
        onStdout() {
          throw error;
        },
      }),
    ).rejects.toMatchObject({ code: 'UNKNOWN', cause: error });
  });
});

describe('endings', () => {
  it('kills the whole tree on a timeout, strays included', async () => {
    const mark = `7${Math.floor(Math.random() * 1e6)}`;
    const result = await box.exec(sh(`setsid sleep ${mark} & (setsid sleep ${mark} &) ; sleep ${mark}`), {
      timeoutMs: 200,
    });
    expect(result).toMatchObject({ ending: 'timed-out', exitCode: null, warnings: [] });
    expect(processesWith(mark)).toEqual([]);
  });

  it('gives a command time to end', async () => {
    const result = await box.exec(sh('trap "echo bye; exit 3" TERM; while :; do sleep 0.05; done'), {
      ...{ timeoutMs: 200, graceMs: 5000 },
    });
    expect(result).toMatchObject({ ending: 'timed-out', exitCode: null, stdout: 'bye\n' });
    expect(result.durationMs).toBeLessThan(4000);
  });

  it('aborts with what was printed until then', async () => {
    const controller = new AbortController();
    const result = await box.exec(sh('echo begun; sleep 100'), {
      signal: controller.signal,
      onStdout: () => controller.abort(),
    });
    expect(result).toMatchObject({ ending: 'aborted', exitCode: null, stdout: 'begun\n' });
  });

  it('ends an abort also when a callback never returns', async () => {
    const result = await box.exec(['yes'], {
      signal: AbortSignal.timeout(200),
      onStdout: () => new Promise(() => {}),
    });
    expect(result.ending).toBe('aborted');
  });

  it('throws when it was aborted before', async () => {
    await expect(box.exec(['true'], { signal: AbortSignal.abort() })).rejects.toEqual(
      code('DEADLINE_EXCEEDED'),
    );
  });

  it('kills what a command leaves behind, and names the way to keep it', async () => {
    const mark = `8${Math.floor(Math.random() * 1e6)}`;
    const result = await box.exec(sh(`sleep ${mark} & echo done`));
    expect(result).toMatchObject({ ending: 'exited', exitCode: 0, stdout: 'done\n' });
    expect(result.warnings).toEqual([expect.stringContaining('spawn')]);
    expect(processesWith(mark)).toEqual([]);
  });

  it('throws with check, and brings the result along', async () => {
    expect((await box.exec(['true'], { check: true })).exitCode).toBe(0);
    const error = await box.exec(sh('echo why >&2; exit 3'), { check: true }).catch((caught) => caught);
    expect(error).toBeInstanceOf(CommandError);
    expect(CommandError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: 'FAILED_PRECONDITION', result: { exitCode: 3, stderr: 'why\n' } });
    expect(error.message).toContain('exited with 3: why');
    const late = box.exec(['sleep', '10'], { check: true, timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', result: { ending: 'timed-out' } });
  });
});

describe('shell', () => {
  it('quotes values', async () => {
    const hostile = `'; echo "injected $HOME" #`;
    expect((await box.shell`printf %s ${hostile} | tr a-z A-Z`).stdout).toBe(hostile.toUpperCase());
    expect((await box.shell({ cwd: '/usr' })`pwd`).stdout).toBe('/usr\n');
  });
});

describe('restricted', () => {
  it('can use the sandbox, and has no way to the rest', async () => {
    const restricted = box.restricted();
    expect((await restricted.exec(['echo', 'hi'])).stdout).toBe('hi\n');
    expect((await restricted.shell`echo ${'a b'}`).stdout).toBe('a b\n');
    const reachable = new Set<unknown>();
    const walk = (value: unknown): void => {
      if (
        (typeof value !== 'object' && typeof value !== 'function') ||
        value === null ||
        reachable.has(value)
      )
        return;
      reachable.add(value);
      for (const key of Reflect.ownKeys(value)) {
        const descriptor = Object.getOwnPropertyDescriptor(value, key);
        if (descriptor !== undefined && 'value' in descriptor) walk(descriptor.value);
      }
    };
    walk(restricted);
    expect(reachable.has(box)).toBe(false);
    for (const name of ['stop', 'remove', 'kill', 'close', 'start', 'inspect', 'restricted']) {
      expect(name in restricted).toBe(false);
    }
    expect(() => Object.assign(restricted, { exec: 1 })).toThrow(TypeError);
  });
});

describe('users', () => {
  it('refuses root where the sandbox was not made for it', async () => {
    for (const user of ['root', '0', '0:0']) {
      await expect(box.exec(['id'], { user })).rejects.toMatchObject({
        ...{ code: 'FAILED_PRECONDITION', hint: expect.stringContaining('--recreate') },
      });
    }
    await expect(box.exec(['id'], { user: randomUUID() })).rejects.toEqual(code('INVALID_ARGUMENT'));
  });
});
