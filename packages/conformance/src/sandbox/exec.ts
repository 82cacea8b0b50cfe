import { SandboxError } from '@sandbox/core';
import { defineGroup } from '../harness/case.ts';
import { hardArguments, hardEnvironment } from '../harness/hard-words.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

export const exec = defineGroup<SandboxContext>(
  'exec',
  'a command: its words, its environment, its end',
  (test) => {
    for (const [id, word] of hardArguments) {
      test(
        `argument-${id}`,
        `an argument that is ${id.replaceAll('-', ' ')} arrives byte for byte`,
        async (t) => {
          const { stdout } = await t.sh(`printf '%s|' "$#" "$@"`, 'before', word, 'after');
          t.expect(stdout).toBe(`3|before|${word}|after|`);
        },
      );
    }

    for (const [id, value] of hardEnvironment) {
      test(
        `environment-${id}`,
        `a variable that is ${id.replaceAll('-', ' ')} arrives byte for byte`,
        async (t) => {
          const box = await t.box();
          const { stdout } = await box.exec(['sh', '-c', `printf '%s' "$CASE"`], { env: { CASE: value } });
          t.expect(stdout).toBe(value);
        },
      );
    }

    test('environment-own', 'variables of one command are not there for the next', async (t) => {
      const box = await t.box();
      await box.exec(['true'], { env: { CASE: 'one' } });
      t.expect((await t.sh('env | grep -c ^CASE=; true')).stdout).toBe('0\n');
    });

    test('environment-clean', "nothing of the host's environment gets in", async (t) => {
      process.env.CONFORMANCE_CANARY = 'host';
      t.after(() => delete process.env.CONFORMANCE_CANARY);
      const box = await t.own();
      t.expect((await box.exec(['env'])).stdout).not.toContain('CONFORMANCE_CANARY');
    });

    test('environment-basics', 'HOME, USER, PATH, TMPDIR and LANG are set', async (t) => {
      const { stdout } = await t.sh(
        'for v in "$HOME" "$USER" "$PATH" "$TMPDIR" "$LANG"; do test -n "$v" && echo set; done',
      );
      t.expect(stdout).toBe('set\n'.repeat(5));
    });

    test('environment-policy', "the policy's variables are there, and a request's win", async (t) => {
      const box = await t.own({ policy: { env: { ONE: 'policy', TWO: 'policy' } } });
      const { stdout } = await box.exec(['sh', '-c', 'echo "$ONE $TWO"'], { env: { TWO: 'request' } });
      t.expect(stdout).toBe('policy request\n');
    });

    for (const code of [0, 1, 2, 42, 126, 127, 255]) {
      test(`exit-${code}`, `exit code ${code} is ${code}`, async (t) => {
        const { ending, exitCode, signal } = await t.sh(`exit ${code}`);
        t.expect({ ending, exitCode, signal }).toEqual({ ending: 'exited', exitCode: code, signal: null });
      });
    }

    for (const signal of ['TERM', 'KILL', 'INT', 'SEGV', 'HUP', 'USR1']) {
      test(
        `signal-${signal.toLowerCase()}`,
        `an end by SIG${signal} is told as such, without an exit code`,
        async (t) => {
          const result = await t.sh(`kill -${signal} $$; sleep 5`);
          t.expect([result.ending, result.exitCode, result.signal]).toEqual([
            'signaled',
            null,
            `SIG${signal}`,
          ]);
        },
      );
    }

    test('signal-sent', 'a signal that is sent reaches the command', async (t) => {
      const box = await t.box();
      const command = await box.spawn([
        'sh',
        '-c',
        'trap "echo usr1; exit 7" USR1; echo ready; while :; do sleep 0.05; done',
      ]);
      const reader = command.stdout.getReader();
      await reader.read();
      await command.signal('SIGUSR1');
      t.expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('usr1\n');
      const { ending, exitCode } = await command.wait();
      t.expect([ending, exitCode]).toEqual(['exited', 7]);
    });

    test('not-there', 'a program that is not there is 127, with a reason on stderr', async (t) => {
      const { ending, exitCode, stderr } = await (await t.box()).exec(['no-such-program-anywhere']);
      t.expect([ending, exitCode]).toEqual(['exited', 127]);
      t.expect(stderr).toContain('no-such-program-anywhere');
    });

    for (const [id, path] of [
      ['a-file', '/etc/passwd'],
      ['a-directory', '/etc'],
    ] as const) {
      test(`not-executable-${id}`, `${id.replace('-', ' ')} that cannot be executed is 126`, async (t) => {
        const { ending, exitCode } = await (await t.box()).exec([path]);
        t.expect([ending, exitCode]).toEqual(['exited', 126]);
      });
    }

    test('cwd-absolute', 'it starts in the directory that was asked for', async (t) => {
      t.expect((await (await t.box()).exec(['pwd'], { cwd: '/usr/bin' })).stdout).toBe('/usr/bin\n');
    });

    test('cwd-relative', "a relative one starts at the sandbox's own", async (t) => {
      const box = await t.box();
      const directory = await t.directory();
      const { stdout } = await box.exec(['pwd'], { cwd: directory });
      t.expect(stdout.endsWith(`/${directory}\n`)).toBe(true);
    });

    test('cwd-missing', 'one that is not there stops it, and says so', async (t) => {
      const attempt = (await t.box()).exec(['true'], { cwd: '/no/such/directory' });
      const outcome = await attempt.then(
        ({ exitCode, stderr }) => `${exitCode} ${stderr}`,
        (error: unknown) => (SandboxError.is(error) ? `${error.code} ${error.message}` : 'another error'),
      );
      t.expect(outcome).toMatch(
        /^(126|127|NOT_FOUND|INVALID_ARGUMENT|FAILED_PRECONDITION) .*(\/no\/such|directory)/s,
      );
    });

    test('string', 'a command in one string is INVALID_ARGUMENT, with a way to say it', async (t) => {
      const box = await t.box();
      const error = await t.refused('INVALID_ARGUMENT', box.exec('npm test' as unknown as string[]));
      t.expect(error.hint).toContain('shell');
      t.expect(error.hint).toContain("['sh', '-c'");
    });

    test('check', 'with check, a code other than 0 is an error; without, a result', async (t) => {
      const box = await t.box();
      t.expect((await box.exec(['false'])).exitCode).toBe(1);
      const error = await box
        .exec(['sh', '-c', 'echo why >&2; exit 3'], { check: true })
        .catch((reason) => reason);
      t.expect(SandboxError.is(error)).toBe(true);
      t.expect((await box.exec(['true'], { check: true })).exitCode).toBe(0);
    });

    test('result', 'a result tells what was run, how long it took, and what it used', async (t) => {
      const box = await t.box();
      const command = ['sh', '-c', 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep 0.1'];
      const { command: told, durationMs, usage, warnings, stdoutTruncated } = await box.exec(command);
      t.expect([told, stdoutTruncated, warnings]).toEqual([command, false, []]);
      t.expect(durationMs).toBeGreaterThanOrEqual(100);
      t.expect(durationMs).toBeLessThanOrEqual(10_000);
      t.expect(usage.cpuMs).toBeGreaterThanOrEqual(1);
      t.expect(usage.peakMemoryBytes).toBeGreaterThanOrEqual(100_000);
    });

    for (const [id, word] of hardArguments.filter(([, one]) => one.length < 1000)) {
      test(`shell-${id}`, `the shell tag quotes a value that is ${id.replaceAll('-', ' ')}`, async (t) => {
        const box = await t.box();
        t.expect((await box.shell`printf '%s|' before ${word} after`).stdout).toBe(`before|${word}|after|`);
      });
    }

    test('shell-list', 'in the shell tag, an array is several words', async (t) => {
      const box = await t.box();
      t.expect((await box.shell`printf '%s|' ${['a b', '', "c'd"]}`).stdout).toBe("a b||c'd|");
    });

    test('process-group', 'a command leads a session of its own, and has no terminal', async (t) => {
      const { stdout } = await t.sh(
        'test -t 0 && echo terminal; cut -d" " -f1,5,6 /proc/self/stat >/dev/null; read -r _ _ _ _ group session _ < /proc/$$/stat; test "$group" = $$ && test "$session" = $$ && echo leader',
      );
      t.expect(stdout).toBe('leader\n');
    });

    test('signals-default', 'no signal is ignored or blocked from the start', async (t) => {
      const { stdout } = await t.sh("exec grep -E '^Sig(Blk|Ign)' /proc/self/status");
      t.expect(stdout).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n');
    });

    test('no-strangers', 'it has no open descriptors but its three', async (t) => {
      t.expect((await t.sh('ls /proc/self/fd | wc -l')).stdout.trim()).toBe('4');
    });
  },
);
