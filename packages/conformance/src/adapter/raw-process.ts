import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { defineGroup } from '../harness/case.ts';
import { eventually, pause } from '../harness/deadline.ts';
import { hardArguments, hardEnvironment } from '../harness/hard-words.ts';
import { memoryHeld } from '../harness/memory.ts';
import { bytesOf, collect, everyByte, everyByteInOctal, firstLine } from '../harness/raw-output.ts';

const MiB = 1024 * 1024;

export const rawProcess = defineGroup('raw-process', 'the main process: three streams and an end', (test) => {
  test('stdout-bytes', 'stdout is byte for byte what the process wrote', async (t) => {
    const { stdoutBytes, stderr } = await t.run(`printf '${everyByteInOctal}'`);
    t.expect(stdoutBytes.toString('hex')).toBe(everyByte.toString('hex'));
    t.expect(stderr).toBe('');
  });

  test('stderr-apart', 'stderr never gets into stdout, nor the other way', async (t) => {
    const { stdout, stderr } = await t.run('for i in 1 2 3; do echo out; echo err >&2; done');
    t.expect([stdout, stderr]).toEqual(['out\nout\nout\n', 'err\nerr\nerr\n']);
  });

  test('both-large', 'a megabyte on each stream at once arrives whole', async (t) => {
    const { stdoutBytes, stderr } = await t.run(
      'head -c 1048576 /dev/zero & head -c 1048576 /dev/zero >&2; wait',
    );
    t.expect([stdoutBytes.length, stderr.length]).toEqual([MiB, MiB]);
  });

  test('last-bytes', 'the last bytes before the end are not lost, ten times out of ten', async (t) => {
    for (let round = 0; round < 10; round += 1) {
      t.expect((await t.run('printf first; printf last')).stdout).toBe('firstlast');
    }
  });

  test('no-output', 'a process that prints nothing gives nothing', async (t) => {
    const { stdout, stderr } = await t.run('true');
    t.expect([stdout, stderr]).toEqual(['', '']);
  });

  test('output-before-reading', 'output printed before anybody reads is not lost', async (t) => {
    const { raw } = await t.attached(['/bin/sh', '-c', 'echo early; exec cat']);
    await pause(200);
    const output = bytesOf(raw.stdout);
    raw.stdin.end('late\n');
    t.expect((await output).toString()).toBe('early\nlate\n');
  });

  test('stdin-bytes', 'stdin reaches the process byte for byte', async (t) => {
    const { stdoutBytes } = await t.run('exec cat', { stdin: everyByte });
    t.expect(stdoutBytes.toString('hex')).toBe(everyByte.toString('hex'));
  });

  test(
    'stdin-large',
    'eight megabytes through stdin and back are the same',
    { timeoutMs: 60_000 },
    async (t) => {
      const sent = randomBytes(8 * MiB);
      const { stdoutBytes } = await t.run('exec cat', { stdin: sent });
      t.expect(stdoutBytes.length).toBe(sent.length);
      t.expect(sha(stdoutBytes)).toBe(sha(sent));
    },
  );

  test('stdin-end', "the process sees its stdin's end, and may go on", { timeoutMs: 15_000 }, async (t) => {
    const { stdout } = await t.run('cat; echo after');
    t.expect(stdout).toBe('after\n');
  });

  test('stdin-end-after-data', "stdin's end comes after all that was written", async (t) => {
    const { stdout } = await t.run('wc -c', { stdin: 'x'.repeat(100_000) });
    t.expect(stdout.trim()).toBe('100000');
  });

  test('stdin-not-read', 'a process that does not read its stdin ends all the same', async (t) => {
    const { exitCode, stdout, stderr } = await t.run('echo done', { stdin: randomBytes(MiB) });
    // Podman gives the connection up when it cannot pass stdin on, says so on stderr, and then loses what was printed one time in 20, or sends it twice. That costs nobody anything: an agent
    // reads all of its stdin, and what a command leaves unread stays with the agent.
    const isEnginesWord = /^Error: (read|write) unix.*: (broken pipe|connection reset by peer)$/m.test(
      stderr,
    );
    t.expect(isEnginesWord ? ['', 'done\n', 'done\ndone\n'] : ['done\n']).toContain(stdout);
    t.expect([0, null]).toContain(exitCode);
  });

  test('dialogue', 'a line in, a line out, many times', async (t) => {
    const { raw } = await t.attached(['/bin/sh', '-c', 'while read -r line; do echo "got $line"; done']);
    for (let round = 0; round < 20; round += 1) {
      raw.stdin.write(`${round}\n`);
      t.expect(await firstLine(raw.stdout)).toBe(`got ${round}`);
    }
    await collect(raw);
  });

  for (const code of [0, 1, 42, 126, 127, 255]) {
    test(`exit-${code}`, `exit code ${code} is ${code}, or lost, and never another`, async (t) => {
      t.expect([code, null]).toContain((await t.run(`exit ${code}`)).exitCode);
    });
  }

  for (const signal of ['TERM', 'KILL', 'SEGV']) {
    test(`killed-${signal.toLowerCase()}`, `an end by SIG${signal} is not exit code 0`, async (t) => {
      // The first process of a PID namespace is spared the signals that it sends itself, so a child is the one to die.
      const { exitCode } = await t.run(`sh -c 'kill -${signal} $$'; exit $?`);
      t.expect(exitCode).not.toBe(0);
    });
  }

  test('wait-twice', 'wait may be asked again, and says the same', async (t) => {
    const { raw } = await t.attached(['/bin/sh', '-c', 'exit 5']);
    await collect(raw);
    t.expect(await raw.wait()).toEqual(await raw.wait());
  });

  test('wait-after-streams', 'wait settles when the streams have ended, not before', async (t) => {
    const { raw } = await t.attached(['/bin/sh', '-c', 'head -c 300000 /dev/zero']);
    raw.stdin.end();
    let length = 0;
    raw.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    raw.stderr.resume();
    await raw.wait();
    t.expect(length).toBe(300_000);
  });

  test('ref-unref', 'ref and unref may be called at any time', async (t) => {
    const { raw } = await t.attached(['/bin/sh', '-c', 'cat']);
    for (const verb of ['unref', 'ref', 'unref', 'unref', 'ref'] as const) raw[verb]();
    await collect(raw, 'x');
    raw.unref();
    raw.ref();
  });

  test('destroy', 'destroy drops the connection, settles wait, and the sandbox ends', async (t) => {
    const { name, raw } = await t.attached(['/bin/sh', '-c', 'echo up; exec cat']);
    t.expect(await firstLine(raw.stdout)).toBe('up');
    raw.destroy();
    raw.destroy();
    await raw.wait();
    await t.goneByItself(name);
  });

  test(
    'back-pressure',
    'a process that nobody reads from is held up, and costs no memory',
    { timeoutMs: 60_000 },
    async (t) => {
      const { raw } = await t.attached(['/bin/sh', '-c', 'exec head -c 268435456 /dev/zero']);
      raw.stdin.end();
      raw.stderr.resume();
      const before = memoryHeld();
      await nothingMoreComes(raw.stdout);
      t.expect(memoryHeld() - before).toBeLessThanOrEqual(48 * MiB);
      t.expect(raw.stdout.readableLength).toBeLessThanOrEqual(48 * MiB);
      raw.destroy();
      await raw.wait();
    },
  );

  test('flood', 'a hundred megabytes arrive whole, in bounded memory', { timeoutMs: 90_000 }, async (t) => {
    const { raw } = await t.attached(['/bin/sh', '-c', 'exec head -c 104857600 /dev/zero']);
    raw.stdin.end();
    raw.stderr.resume();
    let length = 0;
    let most = 0;
    const before = memoryHeld();
    for await (const chunk of raw.stdout as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length % (8 * MiB) < chunk.length) most = Math.max(most, memoryHeld() - before);
    }
    t.expect(length).toBe(100 * MiB);
    t.expect(most).toBeLessThanOrEqual(96 * MiB);
  });

  test('one-stream-waits', 'all of stderr arrives while stdout is read slowly', async (t) => {
    const { raw } = await t.attached(['/bin/sh', '-c', 'head -c 200000 /dev/zero; echo told >&2']);
    raw.stdin.end();
    const errors = bytesOf(raw.stderr);
    await pause(100);
    const output = await bytesOf(raw.stdout);
    t.expect([output.length, (await errors).toString()]).toEqual([200_000, 'told\n']);
  });

  for (const [id, word] of hardArguments) {
    test(
      `argument-${id}`,
      `an argument that is ${id.replaceAll('-', ' ')} arrives byte for byte`,
      async (t) => {
        const { stdoutBytes } = await t.run(`printf '%s|' "$#" "$@"`, { args: ['before', word, 'after'] });
        t.expect(stdoutBytes.toString()).toBe(`3|before|${word}|after|`);
      },
    );
  }

  test('argument-many', 'a thousand arguments arrive in their order', async (t) => {
    const args = Array.from({ length: 1000 }, (_unused, index) => `argument ${index}`);
    t.expect((await t.run(`printf '%s\\n' "$@"`, { args })).stdout).toBe(`${args.join('\n')}\n`);
  });

  for (const [id, value] of hardEnvironment) {
    test(
      `environment-${id}`,
      `a variable that is ${id.replaceAll('-', ' ')} arrives byte for byte`,
      async (t) => {
        const { stdout } = await t.run(`printf '%s' "$CONFORMANCE"`, {
          env: { PATH: '/usr/bin:/bin', CONFORMANCE: value },
        });
        t.expect(stdout).toBe(value);
      },
    );
  }

  test('environment-clean', "nothing of the host's environment gets in", async (t) => {
    process.env.CONFORMANCE_CANARY = 'host';
    t.after(() => delete process.env.CONFORMANCE_CANARY);
    const { stdout } = await t.run('env');
    t.expect(stdout).not.toContain('CONFORMANCE_CANARY');
    t.expect(stdout).toContain('HOME=');
  });

  test('workdir', 'the process starts in the working directory', async (t) => {
    t.expect((await t.run('pwd')).stdout).toMatch(/\/tmp\n$/);
  });

  test('workdir-made', 'a working directory that is not there is made', async (t) => {
    const { stdout } = await t.run('pwd', { workdir: '/tmp/made/for it' });
    t.expect(stdout).toMatch(/\/tmp\/made\/for it\n$/);
  });

  test(
    'agent-is-there',
    'the agent lies in its place, and cannot be written',
    { isolated: true },
    async (t) => {
      const { digest } = t.spec().agent;
      const { stdout } = await t.run(
        `stat -c '%a %u' /.sandbox/${digest}/agent; (echo x >> /.sandbox/${digest}/agent) 2>/dev/null || echo refused; (: > /.sandbox/x) 2>/dev/null || echo refused`,
      );
      t.expect(stdout).toMatch(/^111 \d+\nrefused\nrefused\n$/);
    },
  );

  test('no-terminal', 'no stream of it is a terminal', async (t) => {
    const { stdout } = await t.run('for fd in 0 1 2; do test -t $fd && echo terminal $fd; done; echo end');
    t.expect(stdout).toBe('end\n');
  });

  test('no-strangers', 'it has no open descriptors but its three', { isolated: true }, async (t) => {
    // ls itself opens the directory that it lists. What whoever started this program left open cannot always be closed, but must lead nowhere.
    const { stdout } = await t.run("ls -l /proc/self/fd | grep -e '->' | grep -v -e '-> /dev/null$' | wc -l");
    t.expect(Number(stdout)).toBeLessThanOrEqual(4);
  });

  test('default-signals', 'no signal is ignored or blocked from the start', async (t) => {
    const { stdout } = await t.run("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    t.expect(stdout).toMatch(/SigBlk:\s+0+\n/);
  });

  test('not-run-before-start', 'create alone runs nothing', async (t) => {
    const { name } = await t.create({ argv: ['/bin/sh', '-c', 'echo ran'] });
    await pause(150);
    t.expect((await t.adapter.inspect(name)).state).toBe('created');
    const raw = await t.adapter.start(name, { attach: true });
    t.expect((await collect(raw)).stdout).toBe('ran\n');
    await eventually('gone', async () => (await t.adapter.list({ 'dev.sandbox.name': name })).length === 0);
  });
});

function sha(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Waits until a stream that nobody reads has taken in what it will: on a busy machine, what takes too much takes its time as well. */
async function nothingMoreComes(stream: Readable): Promise<void> {
  await once(stream, 'readable');
  let [length, since] = [-1, 0];
  while (length !== stream.readableLength || Date.now() - since < 1_500) {
    if (length !== stream.readableLength) [length, since] = [stream.readableLength, Date.now()];
    await pause(50);
  }
}
