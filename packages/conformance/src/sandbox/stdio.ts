import { createHash, randomBytes } from 'node:crypto';
import { defineGroup } from '../harness/case.ts';
import { pause } from '../harness/deadline.ts';
import { memoryHeld } from '../harness/memory.ts';
import { bytesOf, everyByte, everyByteInOctal } from '../harness/raw-output.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

const MiB = 1024 * 1024;

export const stdio = defineGroup<SandboxContext>('stdio', 'bytes in and out of a command', (test) => {
  test('stdout-bytes', 'stdout is byte for byte', async (t) => {
    const { stdoutBytes } = await t.sh(`printf '${everyByteInOctal}'`);
    t.expect(Buffer.from(stdoutBytes).equals(everyByte)).toBe(true);
  });

  test('stderr-bytes', 'stderr is byte for byte, and apart', async (t) => {
    const { stderrBytes, stdout } = await t.sh(`printf '${everyByteInOctal}' >&2; printf out`);
    t.expect([Buffer.from(stderrBytes).equals(everyByte), stdout]).toEqual([true, 'out']);
  });

  test('invalid-text', 'what is not UTF-8 becomes U+FFFD in text, and stays in bytes', async (t) => {
    const { stdout, stdoutBytes } = await t.sh(`printf 'a\\377\\376b\\303'`);
    t.expect(stdout).toBe('a\ufffd\ufffdb\ufffd');
    t.expect([...stdoutBytes]).toEqual([97, 255, 254, 98, 195]);
  });

  test('split-characters', 'characters that are cut between chunks are whole in text', async (t) => {
    const { stdout } = await t.sh(`i=0; while [ $i -lt 20000 ]; do printf '日本語🦀'; i=$((i+1)); done`);
    t.expect(stdout).toBe('日本語🦀'.repeat(20_000));
  });

  for (const [id, given] of [
    ['text', 'grüße\n'],
    ['bytes', new TextEncoder().encode('grüße\n')],
    ['empty', ''],
  ] as const) {
    test(`stdin-${id}`, `stdin can be given as ${id}`, async (t) => {
      const { stdoutBytes } = await (await t.box()).exec(['cat'], { stdin: given });
      t.expect(Buffer.from(stdoutBytes).toString()).toBe(Buffer.from(given).toString());
    });
  }

  test('stdin-stream', 'stdin can be a stream', async (t) => {
    async function* lines() {
      for (let line = 0; line < 100; line += 1) yield `line ${line}\n`;
    }
    const { stdout } = await (await t.box()).exec(['wc', '-l'], { stdin: lines() });
    t.expect(stdout.trim()).toBe('100');
  });

  test('stdin-every-byte', 'stdin is byte for byte', async (t) => {
    const { stdoutBytes } = await (await t.box()).exec(['cat'], { stdin: everyByte });
    t.expect(Buffer.from(stdoutBytes).equals(everyByte)).toBe(true);
  });

  test('stdin-none', 'without stdin a command reads the end at once', async (t) => {
    t.expect((await t.sh('cat; echo end')).stdout).toBe('end\n');
  });

  test('stdin-large', 'sixteen megabytes in and out are the same', { timeoutMs: 60_000 }, async (t) => {
    const sent = randomBytes(16 * MiB);
    const { stdoutBytes } = await (await t.box()).exec(['cat'], { stdin: sent, maxOutputBytes: 32 * MiB });
    t.expect(stdoutBytes.length).toBe(sent.length);
    t.expect(sha(stdoutBytes)).toBe(sha(sent));
  });

  test('stdin-not-read', 'a command that does not read what it is given ends all the same', async (t) => {
    const { ending, exitCode } = await (await t.box()).exec(['true'], { stdin: randomBytes(4 * MiB) });
    t.expect([ending, exitCode]).toEqual(['exited', 0]);
  });

  test('stdin-closed-early', 'a command that closes its stdin goes on', async (t) => {
    const { stdout } = await (await t.box()).exec(['sh', '-c', 'exec <&-; sleep 0.1; echo on'], {
      stdin: randomBytes(4 * MiB),
    });
    t.expect(stdout).toBe('on\n');
  });

  test(
    'large-output',
    'a hundred megabytes are counted to the byte, in bounded memory',
    { timeoutMs: 90_000 },
    async (t) => {
      const box = await t.box();
      const before = memoryHeld();
      let most = 0;
      const result = await box.exec(['head', '-c', '104857600', '/dev/zero'], {
        maxOutputBytes: MiB,
        onStdout: () => {
          most = Math.max(most, memoryHeld() - before);
        },
      });
      t.expect([result.stdoutLength, result.stdoutBytes.length, result.stdoutTruncated]).toEqual([
        100 * MiB,
        MiB,
        true,
      ]);
      t.expect(most).toBeLessThanOrEqual(96 * MiB);
    },
  );

  test('exactly-the-limit', 'output of just the limit is not truncated, one byte more is', async (t) => {
    const box = await t.box();
    const print = (count: number) =>
      box.exec(['head', '-c', String(count), '/dev/zero'], { maxOutputBytes: 1000 });
    const [just, more] = [await print(1000), await print(1001)];
    t.expect([just.stdoutTruncated, just.stdoutBytes.length]).toEqual([false, 1000]);
    t.expect([more.stdoutTruncated, more.stdoutBytes.length, more.stdoutLength]).toEqual([true, 1000, 1001]);
  });

  test('output-limit', 'with kill, too much output ends the command as output-limit', async (t) => {
    const { ending, exitCode, stdoutTruncated } = await (await t.box()).exec(['cat', '/dev/zero'], {
      maxOutputBytes: 100_000,
      onOutputLimit: 'kill',
    });
    t.expect([ending, exitCode, stdoutTruncated]).toEqual(['output-limit', null, true]);
  });

  test('both-streams', 'both streams at once arrive whole', async (t) => {
    const { stdoutLength, stderrLength } = await t.sh(
      'head -c 2000000 /dev/zero & head -c 2000000 /dev/zero >&2; wait',
    );
    t.expect([stdoutLength, stderrLength]).toEqual([2_000_000, 2_000_000]);
  });

  test('chunks', 'chunks are told as they come, in order, and are all there is', async (t) => {
    const chunks: Uint8Array[] = [];
    const times: number[] = [];
    const { stdoutBytes } = await (await t.box()).exec(['sh', '-c', 'echo one; sleep 0.3; echo two'], {
      onStdout: (chunk) => {
        chunks.push(chunk);
        times.push(performance.now());
      },
    });
    t.expect(Buffer.concat(chunks).equals(Buffer.from(stdoutBytes))).toBe(true);
    t.expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(150);
  });

  test(
    'slow-reader',
    'a slow reader holds up the command, and nobody else',
    { timeoutMs: 60_000 },
    async (t) => {
      const box = await t.box();
      const flood = await box.spawn(['sh', '-c', 'cat /dev/zero']);
      const before = memoryHeld();
      for (let round = 0; round < 10; round += 1)
        t.expect((await box.exec(['echo', 'quick'])).stdout).toBe('quick\n');
      await pause(300);
      t.expect(memoryHeld() - before).toBeLessThanOrEqual(32 * MiB);
      await flood.kill();
    },
  );

  test('reader-gone', 'a command whose output nobody wants any more gets SIGPIPE', async (t) => {
    const command = await (await t.box()).spawn(['cat', '/dev/zero']);
    const reader = command.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const { ending, signal } = await command.wait();
    t.expect([ending, signal]).toEqual(['signaled', 'SIGPIPE']);
  });

  test('dialogue', 'a spawned command can be talked with', async (t) => {
    const command = await (await t.box()).spawn([
      'sh',
      '-c',
      'while read -r line; do echo "got $line"; done; echo end',
    ]);
    const writer = command.stdin.getWriter();
    const reader = command.stdout.getReader();
    for (let round = 0; round < 10; round += 1) {
      await writer.write(new TextEncoder().encode(`${round}\n`));
      t.expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(`got ${round}\n`);
    }
    await writer.close();
    t.expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('end\n');
    t.expect((await command.wait()).exitCode).toBe(0);
  });

  test('streams-end', "a spawned command's streams end with it", async (t) => {
    const command = await (await t.box()).spawn(['sh', '-c', 'printf out; printf err >&2'], {
      stdin: 'none',
    });
    const [stdout, stderr, { exitCode }] = await Promise.all([
      bytesOf(command.stdout),
      bytesOf(command.stderr),
      command.wait(),
    ]);
    t.expect([stdout.toString(), stderr.toString(), exitCode]).toEqual(['out', 'err', 0]);
  });

  for (const [id, stray] of [
    ['background', 'sleep 600 &'],
    ['daemon', "(setsid sh -c 'sleep 600 &');"],
  ] as const) {
    test(`stray-${id}`, `a ${id} process that holds stdout does not hold up the result`, async (t) => {
      const { stdout, exitCode, durationMs, warnings } = await t.sh(`${stray} echo done`);
      t.expect([stdout, exitCode]).toEqual(['done\n', 0]);
      t.expect(durationMs).toBeLessThanOrEqual(5_000);
      t.expect(warnings.length).toBe(1);
    });
  }

  test('late-output', 'what is printed within the drain time is not lost', async (t) => {
    t.expect((await t.sh('(sleep 0.05; echo late) & echo early')).stdout).toBe('early\nlate\n');
  });

  test('terminal', 'a terminal has its size, is resized, and carries both streams', async (t) => {
    const command = await (await t.box()).spawn(
      [
        'sh',
        '-c',
        'test -t 0 && test -t 1 && test -t 2 && stty size; read -r line; stty size; echo "err $line" >&2',
      ],
      { terminal: { rows: 33, columns: 111 } },
    );
    let output = '';
    const shown = Promise.withResolvers<void>();
    const read = command.stdout.pipeTo(
      new WritableStream({
        write(chunk) {
          output += Buffer.from(chunk).toString();
          if (output.includes('33 111')) shown.resolve();
        },
      }),
    );
    await Promise.race([shown.promise, command.wait()]);
    await command.resize({ rows: 44, columns: 122 });
    const writer = command.stdin.getWriter();
    await writer.write(new TextEncoder().encode('typed\n'));
    const { exitCode } = await command.wait();
    t.expect(exitCode).toBe(0);
    await read;
    t.expect(output.replaceAll('\r', '')).toBe('33 111\ntyped\n44 122\nerr typed\n');
  });
});

function sha(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
