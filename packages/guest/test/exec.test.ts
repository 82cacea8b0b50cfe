import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecStatus } from '../src/command.ts';
import { lives, type RealAgent, run, sh, startAgent } from './real-agent.ts';

let agent: RealAgent;
beforeAll(async () => {
  agent = await startAgent();
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
});

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('the greeting', () => {
  it('says who the agent is', () => {
    const { hello } = agent.session;
    expect(hello).toMatchObject({
      version: 1,
      arch: process.arch === 'arm64' ? 'arm64' : 'amd64',
      pid: agent.process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    expect(hello.facts.workdir).toBe(agent.directory);
    expect(hello.facts.home).toBe(agent.directory);
    expect(hello.facts.capEff).toMatch(/^[0-9a-f]{16}$/);
    expect(hello.facts.capBnd).toMatch(/^[0-9a-f]{16}$/);
    expect(hello.facts.noNewPrivs).toBe(true);
    expect(hello.facts.seccomp).toBeTypeOf('number');
    expect(hello.facts.kernel).toBeTypeOf('string');
    expect(Object.keys(hello.facts.rlimits).sort()).toEqual(['core', 'fsize', 'nofile', 'nproc']);
  });
});

describe('a command', () => {
  it('prints on two streams and exits', async () => {
    const { status, stdout, stderr } = await sh(agent.session, 'echo out; echo err >&2; exit 7');
    expect(status).toMatchObject({
      exitCode: 7,
      signal: null,
      cause: 'exit',
      oomKilled: false,
      lost: false,
      strays: 0,
    });
    expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
  });

  it.each([0, 1, 42, 125, 126, 127, 128, 255])('exits with %i', async (code) => {
    expect((await sh(agent.session, `exit ${code}`)).status).toMatchObject({ exitCode: code, signal: null });
  });

  it('that is not there is 127, with the reason', async () => {
    const { status, stderr } = await run(agent.session, ['no-such-program']);
    expect(status.exitCode).toBe(127);
    expect(status.message).toMatch(/no-such-program/);
    expect(stderr.toString()).toMatch(/no-such-program/);
    expect((await run(agent.session, ['/no/such/program'])).status.exitCode).toBe(127);
  });

  it('that cannot be executed is 126, with the reason', async () => {
    for (const program of ['/etc/passwd', '/etc']) {
      const { status, stderr } = await run(agent.session, [program]);
      expect(status.exitCode).toBe(126);
      expect(status.message).toBeTruthy();
      expect(stderr.toString()).toMatch(program);
    }
  });

  it('gets its arguments byte for byte', async () => {
    const argv = [
      'cat',
      '/proc/self/cmdline',
      '',
      ' ',
      '$HOME `id` "x" \\',
      'päth\n',
      ALL_BYTES.subarray(1),
      '--',
    ];
    const { stdout } = await sh(agent.session, 'exec "$@"', {}).then(() =>
      run(agent.session, ['cat', '/proc/self/cmdline']),
    );
    expect(stdout.toString()).toBe('cat\0/proc/self/cmdline\0');
    const given = await run(agent.session, ['sh', '-c', 'cat /proc/$$/cmdline', ...argv]);
    const expected = ['sh', '-c', 'cat /proc/$$/cmdline', ...argv].map((part) =>
      Buffer.concat([Buffer.from(part as Uint8Array), Buffer.from([0])]),
    );
    expect(given.stdout.equals(Buffer.concat(expected))).toBe(true);
  });

  it('takes large arguments', async () => {
    const { status, stdout } = await run(agent.session, [
      'sh',
      '-c',
      'echo ${#1}',
      'sh',
      'x'.repeat(120_000),
    ]);
    expect([status.exitCode, stdout.toString()]).toEqual([0, '120000\n']);
  });

  it("gets the environment laid over the agent's", async () => {
    const env = { ADDED: 'a=b', LANG: null, EMPTY: '', BYTES: new Uint8Array([0xff, 0xfe]) };
    const { stdout } = await run(agent.session, ['env', '-0'], { env });
    const lines = stdout.toString('latin1').split('\0');
    expect(lines).toContain('ADDED=a=b');
    expect(lines).toContain('EMPTY=');
    expect(lines).toContain('BYTES=\xff\xfe');
    expect(lines).toContain(`HOME=${agent.directory}`);
    expect(lines.some((line) => line.startsWith('LANG='))).toBe(false);
  });

  it('is looked up in the PATH that it gets', async () => {
    expect((await run(agent.session, ['true'], { env: { PATH: '/nowhere' } })).status.exitCode).toBe(127);
  });

  it('starts where it is told to', async () => {
    expect((await run(agent.session, ['pwd'])).stdout.toString()).toBe(`${agent.directory}\n`);
    expect((await run(agent.session, ['pwd'], { cwd: '/usr/bin' })).stdout.toString()).toBe('/usr/bin\n');
    const command = agent.session.exec({ argv: ['pwd'], cwd: '/no/such/directory' });
    await expect(command.done).rejects.toMatchObject({ code: 'NOT_FOUND', operation: 'exec' });
  });

  it('reads an empty stdin unless it is given one', async () => {
    expect((await run(agent.session, ['cat'])).stdout.length).toBe(0);
    expect((await run(agent.session, ['cat'], {}, ALL_BYTES)).stdout.equals(ALL_BYTES)).toBe(true);
  });

  it('prints any bytes', async () => {
    const { stdout } = await sh(agent.session, "printf '\\377\\376\\000\\012\\200'");
    expect([...stdout]).toEqual([0xff, 0xfe, 0, 0x0a, 0x80]);
  });

  it('says its process id, and what it used', async () => {
    const pids: number[] = [];
    const script = 'echo $$; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done';
    const command = agent.session.exec({ argv: ['sh', '-c', script], onStart: (pid) => pids.push(pid) });
    const pid = await command.pid;
    expect(await lives(pid)).toBe(true);
    const status = await command.done;
    expect(pids).toEqual([pid]);
    expect(status.durationUs).toBeGreaterThan(1_000);
    expect(status.cpuUserUs).toBeGreaterThan(1_000);
    expect(status.peakMemoryBytes).toBeGreaterThan(100_000);
  });

  it('runs beside forty-nine others', async () => {
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    const results = await Promise.all(
      numbers.map((n) => sh(agent.session, `sleep 0.1; echo ${n}; exit ${n}`)),
    );
    expect(results.map(({ status, stdout }) => [status.exitCode, stdout.toString()])).toEqual(
      numbers.map((n) => [n, `${n}\n`]),
    );
  });
});

describe('signals', () => {
  it('are reported by number', async () => {
    expect((await sh(agent.session, 'kill -9 $$')).status).toMatchObject({
      exitCode: null,
      signal: 9,
      cause: 'exit',
      oomKilled: false,
    });
    expect((await sh(agent.session, 'kill -TERM $$')).status).toMatchObject({ exitCode: null, signal: 15 });
  });

  it('reach the process group', async () => {
    const command = agent.session.exec({ argv: ['sh', '-c', 'sleep 100; true'], started: true });
    await command.pid;
    command.signal(15);
    expect(await command.done).toMatchObject({ signal: 15, cause: 'exit' });
  });

  it('can be caught', async () => {
    let trapped: () => void = () => {};
    const ready = new Promise<void>((resolve) => {
      trapped = resolve;
    });
    let output = '';
    const command = agent.session.exec({
      argv: ['sh', '-c', 'trap "echo caught; exit 3" USR1; echo ready; while :; do sleep 0.01; done'],
      onStdout(chunk, release) {
        output += Buffer.from(chunk).toString();
        release();
        trapped();
      },
    });
    await ready;
    command.signal(10);
    expect((await command.done).exitCode).toBe(3);
    expect(output).toBe('ready\ncaught\n');
  });

  it('have their defaults in the command', async () => {
    const { stdout } = await run(agent.session, ['cat', '/proc/self/status']);
    expect(stdout.toString().match(/(?<=^Sig(Blk|Ign|Cgt):\s)[0-9a-f]{16}/gm)).toEqual([
      '0'.repeat(16),
      '0'.repeat(16),
      '0'.repeat(16),
    ]);
  });
});

describe('the end of a command', () => {
  it('comes by a timeout, which kills the tree, double-forked strays included', async () => {
    const pids: number[] = [];
    const command = agent.session.exec({
      argv: ['sh', '-c', '(setsid sleep 100 & echo $!) ; sleep 100 & echo $! ; echo $$; wait'],
      timeoutMs: 300,
      onStdout(chunk, release) {
        pids.push(...Buffer.from(chunk).toString().trim().split('\n').map(Number));
        release();
      },
    });
    const status = await command.done;
    expect(status).toMatchObject({ cause: 'timeout', lost: false, exitCode: null, signal: 9 });
    expect(pids.length).toBe(3);
    for (const pid of pids) expect(await lives(pid)).toBe(false);
    expect(status.durationUs).toBeGreaterThan(290_000);
    expect(status.durationUs).toBeLessThan(10_000_000);
  });

  it('comes softly with a grace', async () => {
    const { status, stdout } = await sh(
      agent.session,
      'trap "echo bye; exit 5" TERM; while :; do sleep 0.01; done',
      { timeoutMs: 200, graceMs: 5_000 },
    );
    expect(status).toMatchObject({ cause: 'timeout', exitCode: 5, signal: null });
    expect(stdout.toString()).toBe('bye\n');
    const stubborn = await sh(agent.session, 'trap "" TERM; while :; do sleep 0.01; done', {
      timeoutMs: 100,
      graceMs: 200,
    });
    expect(stubborn.status).toMatchObject({ cause: 'timeout', signal: 9 });
  });

  it('comes by being cancelled, while another goes on', async () => {
    const other = agent.session.exec({ argv: ['sleep', '0.5'] });
    const command = agent.session.exec({ argv: ['sh', '-c', 'setsid sleep 100 & sleep 100'], started: true });
    await command.pid;
    command.cancel();
    expect(await command.done).toMatchObject({ cause: 'cancel', exitCode: null, signal: 9 });
    expect(await other.done).toMatchObject({ exitCode: 0, cause: 'exit' });
  });

  it('kills what it leaves behind, and counts it', async () => {
    const { status, stdout } = await sh(agent.session, 'setsid sleep 100 > /dev/null 2>&1 & echo $!; exit 4');
    expect(status).toMatchObject({ exitCode: 4, cause: 'exit', strays: 1 });
    expect(await lives(Number(stdout))).toBe(false);
  });

  it('does not wait long for a stray that holds its output', async () => {
    const exits: ExecStatus[] = [];
    const started = performance.now();
    const { status, stdout } = await sh(agent.session, 'sleep 100 & echo here; exit 0', {
      drainMs: 100,
      onExit: (exit) => exits.push(exit),
    });
    expect(status).toMatchObject({ exitCode: 0, strays: 1 });
    expect(stdout.toString()).toBe('here\n');
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(exits).toMatchObject([{ exitCode: 0, cause: 'exit' }]);
  });

  it('waits for strays that are kept', async () => {
    const started = performance.now();
    const { status, stdout } = await sh(agent.session, '(sleep 0.5; echo late) & echo early; exit 6', {
      strays: 'keep',
    });
    expect(status).toMatchObject({ exitCode: 6, strays: 0 });
    expect(stdout.toString()).toBe('early\nlate\n');
    expect(performance.now() - started).toBeGreaterThan(450);
  });

  it('can be brought to strays that were kept', async () => {
    let exited: () => void = () => {};
    const exit = new Promise<void>((resolve) => {
      exited = resolve;
    });
    const command = agent.session.exec({
      argv: ['sh', '-c', 'setsid sleep 100 &'],
      strays: 'keep',
      onExit: () => exited(),
    });
    await exit;
    command.cancel();
    expect(await command.done).toMatchObject({ exitCode: 0, strays: 1 });
  });
});

describe('terminals', () => {
  it("are the command's own, with a size that can change", async () => {
    let output = '';
    let resized = false;
    const command = agent.session.exec({
      argv: [
        'sh',
        '-c',
        'tty; stty size; trap "stty size; exit 9" WINCH; echo ready; while :; do sleep 0.01; done',
      ],
      terminal: { rows: 24, cols: 80 },
      stdin: 'pipe',
      onStdout(chunk, release) {
        output += Buffer.from(chunk).toString();
        release();
        if (resized || !output.includes('ready')) return;
        resized = true;
        command.resize(33, 111);
      },
    });
    const status = await command.done;
    expect(status.exitCode).toBe(9);
    expect(output).toMatch(/^\/dev\/pts\/\d+\r\n24 80\r\nready\r\n/);
    expect(output).toMatch(/33 111\r\n$/);
  });

  it('turn Ctrl-C into SIGINT and Ctrl-D into the end', async () => {
    for (const [key, expected] of [
      ['\u0003', { exitCode: null, signal: 2 }],
      ['\u0004', { exitCode: 0, signal: null }],
    ] as const) {
      let output = '';
      const command = agent.session.exec({
        argv: ['cat'],
        terminal: { rows: 24, cols: 80 },
        stdin: 'pipe',
        onStdout(chunk, release) {
          output += Buffer.from(chunk).toString();
          release();
          if (output === 'hello\r\nhello\r\n') void command.write(key);
        },
      });
      await command.write('hello\n');
      expect(await command.done).toMatchObject(expected);
    }
  });

  it('say on their one stream why there is no command', async () => {
    const { status, stdout } = await run(agent.session, ['no-such-program'], {
      terminal: { rows: 24, cols: 80 },
    });
    expect(status.exitCode).toBe(127);
    expect(stdout.toString()).toMatch(/no-such-program/);
  });
});

describe('flow control', () => {
  it('moves 100 MB out with bounded memory', async () => {
    const read = async (): Promise<{ length: number; growth: number }> => {
      let length = 0;
      let peak = 0;
      const before = process.memoryUsage.rss();
      const command = agent.session.exec({
        argv: ['head', '-c', '100000000', '/dev/zero'],
        onStdout(chunk, release) {
          length += chunk.length;
          peak = Math.max(peak, process.memoryUsage.rss());
          release();
        },
      });
      expect((await command.done).exitCode).toBe(0);
      return { length, growth: peak - before };
    };
    // Node leaves some 70 MB of buffers lying before it first collects them, also those of a plain pipe.
    await read();
    const { length, growth } = await read();
    expect(length).toBe(100_000_000);
    expect(growth).toBeLessThan(64 << 20);
  });

  it('moves 100 MB in and out again', async () => {
    const chunk = Buffer.alloc(1_000_000, 'abcdefg');
    let length = 0;
    const command = agent.session.exec({
      argv: ['cat'],
      stdin: 'pipe',
      onStdout(piece, release) {
        length += piece.length;
        release();
      },
    });
    for (let n = 0; n < 100; n += 1) await command.write(chunk);
    command.end();
    expect((await command.done).exitCode).toBe(0);
    expect(length).toBe(100_000_000);
  });

  it('lets other commands run beside one whose reader is slow', async () => {
    const releases: (() => void)[] = [];
    let length = 0;
    const flood = agent.session.exec({
      argv: ['head', '-c', '5000000', '/dev/zero'],
      onStdout(chunk, release) {
        length += chunk.length;
        releases.push(release);
      },
    });
    for (let n = 0; n < 20; n += 1)
      expect((await sh(agent.session, 'echo quick')).stdout.toString()).toBe('quick\n');
    expect(length).toBe(1 << 20);
    while (length < 5_000_000) {
      for (const release of releases.splice(0)) release();
      await agent.session.ping();
    }
    for (const release of releases.splice(0)) release();
    expect((await flood.done).exitCode).toBe(0);
    expect(length).toBe(5_000_000);
  });

  it('gives SIGPIPE to who writes to a closed stream', async () => {
    const command = agent.session.exec({
      argv: ['cat', '/dev/zero'],
      onStdout(_chunk, release) {
        release();
        command.closeStdout();
      },
    });
    expect(await command.done).toMatchObject({ signal: 13 });
  });

  it('refuses stdin that the command has closed', async () => {
    const command = agent.session.exec({ argv: ['sh', '-c', 'exec <&-; sleep 0.5'], stdin: 'pipe' });
    const writing = (async () => {
      for (;;) await command.write(Buffer.alloc(65_536));
    })();
    await expect(writing).rejects.toMatchObject({ errno: 'EPIPE' });
    expect((await command.done).exitCode).toBe(0);
  });

  it('does not wait for stdin that a command does not read', async () => {
    const command = agent.session.exec({ argv: ['true'], stdin: 'pipe' });
    const writing = command.write(Buffer.alloc(10_000_000));
    writing.catch(() => {});
    expect((await command.done).exitCode).toBe(0);
    await expect(writing).rejects.toMatchObject({ errno: 'EPIPE' });
  });
});
