import { defineGroup } from '../harness/case.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

const MiB = 1024 * 1024;
const slow = 60_000;

export const endings = defineGroup<SandboxContext>(
  'endings',
  'what a limit does to a command, told truly',
  (test) => {
    test(
      'oom-killed',
      'a command that takes more memory than there is ends as oom-killed',
      { controls: ['memory'], timeoutMs: slow },
      async (t) => {
        const { ending, exitCode } = await t.sandboxes.run(
          ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=512M', 'count=1'],
          {
            policy: { memoryBytes: 256 * MiB },
          },
        );
        t.expect([ending, exitCode]).toEqual(['oom-killed', null]);
      },
    );

    test(
      'oom-goes-on',
      'the sandbox outlives a command that was killed for its memory',
      { controls: ['memory'], timeoutMs: slow },
      async (t) => {
        const box = await t.own({ policy: { memoryBytes: 256 * MiB } });
        for (let round = 0; round < 2; round += 1) {
          const { ending } = await box.exec(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=512M', 'count=1']);
          t.expect(ending).toBe('oom-killed');
          t.expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
        }
      },
    );

    test('oom-not-claimed', 'a SIGKILL that memory had nothing to do with is not oom-killed', async (t) => {
      const { ending, signal } = await t.sh('kill -KILL $$');
      t.expect([ending, signal]).toEqual(['signaled', 'SIGKILL']);
    });

    test('peak-memory', 'peak memory is what the command took', async (t) => {
      const { usage } = await (await t.box()).exec([
        'dd',
        'if=/dev/zero',
        'of=/dev/null',
        'bs=64M',
        'count=1',
      ]);
      t.expect(usage.peakMemoryBytes).toBeGreaterThanOrEqual(60 * MiB);
      t.expect(usage.peakMemoryBytes).toBeLessThanOrEqual(128 * MiB);
    });

    test('cpu-time', 'processor time is what the command and its children took', async (t) => {
      // On a busy machine a second is little time: the shell tells what its children really got, in its last line.
      const { usage, durationMs, stdout } = await t.sh('timeout 1 sh -c "while :; do :; done"; times');
      const ofChildren = [...(stdout.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
      const milliseconds = ofChildren.map(
        ([, minutes, seconds]) => Number(minutes) * 6e4 + Number(seconds) * 1e3,
      );
      const childrenMs = milliseconds.reduce((sum, one) => sum + one, 0);
      t.expect(childrenMs).toBeGreaterThanOrEqual(1);
      t.expect(usage.cpuMs).toBeGreaterThanOrEqual(childrenMs - 20);
      t.expect(usage.cpuMs).toBeLessThanOrEqual(durationMs + 200);
    });

    test(
      'pids',
      'at the limit of processes a command sees errors, and the sandbox goes on',
      { controls: ['pids'], timeoutMs: slow },
      async (t) => {
        const box = await t.own({ policy: { pids: 32 } });
        const { stdout } = await box.exec([
          'sh',
          '-c',
          'for i in $(seq 200); do sleep 3 & echo $i; done 2>/dev/null',
        ]);
        const forked = stdout.trim().split('\n').length;
        t.expect(forked).toBeLessThanOrEqual(32);
        t.expect(forked).toBeGreaterThanOrEqual(8);
        t.expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
      },
    );

    test(
      'pids-exactly',
      'the number is the user’s: the agent takes nothing of it',
      { controls: ['pids'], timeoutMs: slow },
      async (t) => {
        const box = await t.own({ policy: { pids: 64 } });
        // The shell and 60 children are fewer than 64.
        const { stdout, stderr } = await box.exec([
          'sh',
          '-c',
          'for i in $(seq 60); do sleep 2 & done; echo all; kill $(jobs -p) 2>/dev/null; wait',
        ]);
        t.expect([stdout, stderr]).toEqual(['all\n', '']);
      },
    );

    test(
      'open-files',
      'a command has the limit of open files that was asked for',
      { controls: ['open-files'] },
      async (t) => {
        const { stdout } = await t.runSh('ulimit -Hn; ulimit -Sn', { policy: { openFiles: 300 } });
        t.expect(stdout).toBe('300\n300\n');
      },
    );

    test(
      'file-size',
      'a command that writes too large a file ends by SIGXFSZ, or sees EFBIG',
      { controls: ['file-size'] },
      async (t) => {
        const result = await t.runSh('exec head -c 4M /dev/zero > "$HOME/large"', {
          policy: { fileSizeBytes: MiB },
        });
        t.expect(`${result.ending} ${result.exitCode} ${result.signal}`).toMatch(
          /^(signaled null SIGXFSZ|exited [1-9]\d* null)$/,
        );
      },
    );

    test(
      'tmpfs',
      'HOME and /tmp hold what they were given, and no more',
      { controls: ['tmpfs-size'] },
      async (t) => {
        const { stdout } = await t.runSh(
          'for d in /tmp "$HOME"; do head -c 32M /dev/zero > $d/large 2>/dev/null && echo fits || echo full; done',
          {
            policy: { tmpfsBytes: 8 * MiB },
          },
        );
        t.expect(stdout).toBe('full\nfull\n');
      },
    );

    test(
      'read-only',
      'in strict, nothing outside of HOME and /tmp can be written',
      { controls: ['read-only-root', 'tmpfs-size'] },
      async (t) => {
        const { stdout } = await t.runSh(
          'for d in / /etc /usr /var /opt /home /root /srv; do (: > $d/x) 2>/dev/null && echo "wrote $d"; done; : > "$HOME/x" && : > /tmp/x && echo works',
        );
        t.expect(stdout).toBe('works\n');
      },
    );
  },
);
