import { agentPath } from '@sandbox/guest';
import { defineGroup } from '../harness/case.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

/** A frame that says "REPLY, exit code 0" for the first requests, with a tag that is not right. */
const forged = (() => {
  const payload = JSON.stringify({
    exitCode: 0,
    signal: null,
    cause: 'exit',
    oomKilled: false,
    lost: false,
    durationUs: 1,
    cpuUserUs: 0,
    cpuSystemUs: 0,
    peakMemoryBytes: 1,
    strays: 0,
  });
  const frames: Buffer[] = [];
  for (let id = 1; id < 6; id += 1) {
    const header = Buffer.alloc(20);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt32LE(id, 4);
    header.writeUInt8(0x12, 8);
    frames.push(header, Buffer.from(payload));
  }
  return Buffer.concat(frames);
})();

export const forgery = defineGroup<SandboxContext>(
  'forgery',
  'a command cannot speak for the agent, nor stop it unseen',
  (test) => {
    test('frames-as-output', 'bytes that look like frames are output, and nothing else', async (t) => {
      const box = await t.box();
      const { stdoutBytes, exitCode } = await box.exec(['sh', '-c', 'cat; exit 7'], { stdin: forged });
      t.expect(Buffer.from(stdoutBytes).equals(forged)).toBe(true);
      t.expect(exitCode).toBe(7);
    });

    test(
      'agent-descriptors',
      'no descriptor of the agent or of a runner can be opened',
      { enforced: ['namespaces'] },
      async (t) => {
        const box = await t.own();
        await box.files.write('forged', forged);
        const { stdout, exitCode } = await box.exec([
          'sh',
          '-c',
          `for p in /proc/[0-9]*; do
         pid=\${p#/proc/}; test "$pid" = "$$" && continue
         for fd in "$p"/fd/*; do (cat forged > "$fd") 2>/dev/null && echo "wrote $fd"; done
         for f in mem environ; do (head -c 1 "$p/$f" >/dev/null) 2>/dev/null && echo "read $p/$f"; done
         readlink "$p/exe" 2>/dev/null | grep agent
       done; exit 7`,
        ]);
        t.expect([
          stdout.replaceAll(/^(wrote|read) \/proc\/\d+\/(fd\/\d+|mem|environ)$/gm, (line) => line),
          exitCode,
        ]).toEqual(['', 7]);
      },
    );

    test(
      'agent-file',
      "the agent's file can be neither read nor replaced",
      { enforced: ['namespaces'] },
      async (t) => {
        // A directory that cannot be listed hides the others.
        const { stdout } = await t.sh(
          'for f in "$1" $(ls -d /.sandbox/*/agent 2>/dev/null); do (head -c 1 "$f") 2>/dev/null | wc -c; (: >> "$f") 2>/dev/null && echo wrote; rm -f "$f" 2>/dev/null; test -e "$f" && echo there; done',
          agentPath(t.agent.digest),
        );
        t.expect(stdout).toMatch(/^(0\nthere\n)+$/);
      },
    );

    for (const signal of ['KILL', 'STOP', 'TERM', 'SEGV', 'HUP']) {
      test(
        `runner-${signal.toLowerCase()}`,
        `SIG${signal} to its parent ends a command as lost, or does nothing; never as a success it did not have`,
        async (t) => {
          const box = await t.own();
          const { ending, exitCode, stdout } = await box.exec(
            ['sh', '-c', `kill -${signal} $PPID; sleep 0.5; echo survived; exit 7`],
            {
              timeoutMs: 8_000,
            },
          );
          const told = `${ending} ${exitCode}`;
          t.expect(['lost null', 'exited 7', 'timed-out null', 'signaled null']).toContain(told);
          if (told === 'exited 7') t.expect(stdout).toBe('survived\n');
        },
      );

      test(
        `after-runner-${signal.toLowerCase()}`,
        `after a SIG${signal} to a command's parent, the next command works, or the session says it is lost`,
        async (t) => {
          const box = await t.own();
          await box.exec(['sh', '-c', `kill -${signal} $PPID; sleep 0.2`], { timeoutMs: 8_000 });
          const outcome = await box.exec(['sh', '-c', 'echo next; exit 9'], { timeoutMs: 8_000 }).then(
            ({ ending, exitCode }) => `${ending} ${exitCode}`,
            (error: { code?: string }) => `${error.code}`,
          );
          t.expect(['exited 9', 'lost null', 'UNAVAILABLE', 'FAILED_PRECONDITION']).toContain(outcome);
        },
      );
    }

    test(
      'everybody',
      'a signal to everybody ends no command with a result that it did not have',
      { enforced: ['namespaces'] },
      async (t) => {
        const box = await t.own();
        const other = box.exec(['sh', '-c', 'sleep 3; exit 5'], { timeoutMs: 10_000 });
        const { ending, exitCode } = await box.exec(['sh', '-c', 'sleep 0.2; kill -KILL -1; exit 7'], {
          timeoutMs: 10_000,
        });
        t.expect(['lost null', 'exited 7', 'signaled null']).toContain(`${ending} ${exitCode}`);
        const result = await other;
        t.expect(['lost null', 'exited 5', 'signaled null']).toContain(`${result.ending} ${result.exitCode}`);
      },
    );

    test(
      'fork-bomb',
      'a fork bomb does not end the agent',
      { enforced: ['pids', 'namespaces'], timeoutMs: 60_000 },
      async (t) => {
        const box = await t.own({ policy: { pids: 128 } });
        const { ending } = await box.exec(['sh', '-c', 'bomb() { bomb | bomb & }; bomb; sleep 5'], {
          timeoutMs: 3_000,
        });
        t.expect(['timed-out', 'exited', 'signaled']).toContain(ending);
        t.expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
      },
    );

    test(
      'descriptors-of-agent',
      'limits set on the agent from inside do not end it',
      { enforced: ['namespaces'] },
      async (t) => {
        const box = await t.own();
        await box.exec([
          'sh',
          '-c',
          'command -v prlimit >/dev/null && for p in 1 $PPID; do prlimit --pid $p --nofile=3 --cpu=1 2>/dev/null; done; true',
        ]);
        t.expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
      },
    );

    test(
      'flood',
      'a command that floods both streams does not stop the others',
      { timeoutMs: 60_000 },
      async (t) => {
        const box = await t.box();
        const flood = await box.spawn(['sh', '-c', 'cat /dev/zero >&2 & cat /dev/zero']);
        for (const stream of [flood.stdout, flood.stderr])
          void stream.pipeTo(new WritableStream()).catch(() => undefined);
        for (let round = 0; round < 5; round += 1)
          t.expect((await box.exec(['echo', `${round}`])).stdout).toBe(`${round}\n`);
        const { exitCode } = await flood.kill();
        t.expect(exitCode).toBe(null);
      },
    );
  },
);
