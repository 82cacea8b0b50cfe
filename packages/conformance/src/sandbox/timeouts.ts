import type { ExecOptions, ExecResult, Sandbox } from '@sandbox/core';
import { defineGroup } from '../harness/case.ts';
import { pause } from '../harness/deadline.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

/** Plain children, a process that left its group, and one that left its session and its parent: each twice. */
const tree = `for i in 1 2; do
    sleep $1.1 & (setsid sleep $1.2 &) ; (setsid sh -c 'sleep '$1'.3 >/dev/null 2>&1 </dev/null & env -i sleep '$1'.4 >/dev/null 2>&1 </dev/null &')
  done; sleep 0.1; echo spread; wait`;

/** How a command is stopped, and what it then ends as. */
const stops: readonly [
  id: string,
  ending: string,
  stop: (box: Sandbox, script: string, mark: string, more?: ExecOptions) => Promise<ExecResult>,
][] = [
  [
    'timeout',
    'timed-out',
    (box, script, mark, more) => box.exec(['sh', '-c', script, 'sh', mark], { timeoutMs: 700, ...more }),
  ],
  [
    'abort',
    'aborted',
    (box, script, mark, more) =>
      box.exec(['sh', '-c', script, 'sh', mark], { signal: AbortSignal.timeout(700), ...more }),
  ],
];

export const timeouts = defineGroup<SandboxContext>(
  'timeouts',
  'stopping a command stops all of it, and only it',
  (test) => {
    for (const [id, ending, stop] of stops) {
      test(
        `${id}-ending`,
        `a command stopped by ${id} ends as ${ending}, with the output it had`,
        async (t) => {
          const result = await stop(await t.box(), 'echo before; sleep 600', '');
          t.expect([result.ending, result.exitCode, result.stdout]).toEqual([ending, null, 'before\n']);
          t.expect(result.durationMs).toBeLessThanOrEqual(8_000);
        },
      );

      test(
        `${id}-tree`,
        `${id}: the whole tree is gone, strays that left their session included`,
        async (t) => {
          const mark = markOf();
          const result = await stop(await t.box(), tree, mark);
          t.expect([result.ending, result.stdout]).toEqual([ending, 'spread\n']);
          t.expect(await left(t, mark)).toBe(0);
        },
      );

      test(`${id}-others`, `${id}: another command, and its strays, go on undisturbed`, async (t) => {
        const box = await t.box();
        const [doomed, stays] = [markOf(), markOf()];
        const other = await box.spawn(['sh', '-c', tree, 'sh', stays]);
        await t.eventually('the other has spread', async () => (await left(t, stays)) >= 8);
        await stop(box, tree, doomed);
        t.expect(await left(t, doomed)).toBe(0);
        t.expect(await left(t, stays)).toBeGreaterThanOrEqual(8);
        await other.kill();
        t.expect(await left(t, stays)).toBe(0);
      });

      test(`${id}-stopped-process`, `${id}: a tree that was stopped with SIGSTOP dies too`, async (t) => {
        const mark = markOf();
        await stop(await t.box(), 'sleep $1.5 & kill -STOP $!; kill -STOP $$', mark);
        t.expect(await left(t, mark)).toBe(0);
      });

      test(`${id}-ignoring`, `${id}: a command that ignores every signal it can dies too`, async (t) => {
        const result = await stop(
          await t.box(),
          'trap "" HUP INT TERM USR1 USR2 PIPE; while :; do sleep 0.05; done',
          '',
        );
        t.expect(result.ending).toBe(ending);
      });

      test(`${id}-grace`, `${id} with grace lets a command clean up`, async (t) => {
        const result = await stop(
          await t.box(),
          'trap "echo cleaned; exit 0" TERM; while :; do sleep 0.05; done',
          '',
          {
            graceMs: 5_000,
          },
        );
        t.expect([result.ending, result.stdout]).toEqual([ending, 'cleaned\n']);
      });

      test(`${id}-grace-over`, `${id}: when grace is over it is killed`, async (t) => {
        const result = await stop(await t.box(), 'trap "" TERM; while :; do sleep 0.05; done', '', {
          graceMs: 300,
        });
        t.expect(result.ending).toBe(ending);
        t.expect(result.durationMs).toBeLessThanOrEqual(8_000);
      });

      test(`${id}-usable`, `after ${id} the sandbox is as usable as before`, async (t) => {
        const box = await t.box();
        await stop(box, 'sleep 600', '');
        t.expect((await box.exec(['echo', 'usable'])).stdout).toBe('usable\n');
      });
    }

    test('timeout-not-reached', 'a command that is quicker than its timeout just ends', async (t) => {
      const { ending, exitCode } = await (await t.box()).exec(['true'], { timeoutMs: 20_000 });
      t.expect([ending, exitCode]).toEqual(['exited', 0]);
    });

    test('abort-before', 'a signal that has fired already starts nothing', async (t) => {
      const box = await t.box();
      const directory = await t.directory();
      const outcome = await box
        .exec(['sh', '-c', `touch ${directory}/ran`], { signal: AbortSignal.abort() })
        .then(
          ({ ending }) => ending,
          (error: { code?: string }) => error.code,
        );
      t.expect(['aborted', 'DEADLINE_EXCEEDED']).toContain(outcome);
      t.expect(await box.files.exists(`${directory}/ran`)).toBe(false);
    });

    test('abort-after', 'a signal that fires after the end changes nothing', async (t) => {
      const controller = new AbortController();
      const result = await (await t.box()).exec(['echo', 'done'], { signal: controller.signal });
      controller.abort();
      t.expect([result.ending, result.stdout]).toEqual(['exited', 'done\n']);
    });

    test('kill', 'kill of a spawned command takes its whole tree, and may be repeated', async (t) => {
      const mark = markOf();
      const command = await (await t.box()).spawn(['sh', '-c', tree, 'sh', mark]);
      await t.eventually('it has spread', async () => (await left(t, mark)) >= 8);
      const { exitCode } = await command.kill();
      t.expect(exitCode).toBe(null);
      t.expect(await left(t, mark)).toBe(0);
      t.expect((await command.kill()).exitCode).toBe(null);
    });

    test(
      'end-takes-strays',
      'when a command ends by itself, what it left behind is killed, with a warning',
      async (t) => {
        const mark = markOf();
        const { exitCode, warnings } = await t.sh(
          "(setsid sh -c 'sleep '$1'.9 >/dev/null 2>&1 </dev/null &'); exit 4",
          mark,
        );
        t.expect(exitCode).toBe(4);
        t.expect(warnings.length).toBe(1);
        t.expect(await left(t, mark)).toBe(0);
      },
    );

    test('many-strays', 'forty strays are no more trouble than one', async (t) => {
      const mark = markOf();
      const result = await (await t.box()).exec(
        [
          'sh',
          '-c',
          `i=0; while [ $i -lt 40 ]; do (setsid sleep $1.$i &); i=$((i+1)); done; echo spread; sleep 600`,
          'sh',
          mark,
        ],
        { timeoutMs: 2_000 },
      );
      t.expect([result.ending, result.stdout]).toEqual(['timed-out', 'spread\n']);
      t.expect(await left(t, mark)).toBe(0);
    });

    test(
      'forking',
      'a command that forks as fast as it can is stopped too',
      { controls: ['pids'] },
      async (t) => {
        const box = await t.own({ policy: { pids: 64 } });
        const result = await box.exec(['sh', '-c', 'while :; do sh -c "sleep 30" 2>/dev/null & done'], {
          timeoutMs: 1_000,
        });
        t.expect(['timed-out', 'exited']).toContain(result.ending);
        t.expect((await box.exec(['echo', 'usable'])).stdout).toBe('usable\n');
      },
    );

    test('run', 'run has a timeout too, and leaves nothing', async (t) => {
      const result = await t.runSh('echo before; sleep 600', { timeoutMs: 1_000 });
      t.expect([result.ending, result.stdout]).toEqual(['timed-out', 'before\n']);
      await t.refused('NOT_FOUND', t.sandboxes.get(result.sandbox));
    });

    test('spawn-has-none', 'a spawned command has no timeout unless told', async (t) => {
      const box = await t.own({ policy: { timeoutMs: 300 } });
      const command = await box.spawn(['sh', '-c', 'sleep 1; exit 3']);
      await pause(600);
      t.expect((await command.wait()).exitCode).toBe(3);
      t.expect((await box.exec(['sleep', '600'])).ending).toBe('timed-out');
    });
  },
);

function markOf(): string {
  return `97${Math.floor(Math.random() * 1e9)}`;
}

/** How many processes with this mark the sandbox holds; the shell that asks has it in its own words, split. */
async function left(t: SandboxContext, mark: string): Promise<number> {
  const { stdout } = await t.sh(
    'for f in /proc/[0-9]*/cmdline; do tr "\\0" " " < $f 2>/dev/null; echo; done | grep -c "^sleep $1$2" ; true',
    mark.slice(0, 4),
    mark.slice(4),
  );
  return Number(stdout);
}
