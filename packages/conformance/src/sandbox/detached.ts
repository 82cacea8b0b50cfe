import type { DetachedCommand, OutputChunk, Sandbox } from '@sandbox/core';
import { defineGroup } from '../harness/case.ts';
import { hostProcessesWith } from '../harness/host.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

const kept = { facets: ['long-lived', 'detached'] } as const;
const open = { workspaceAccess: 'none' } as const;

/** Stays behind in ways that are hard to follow, and prints a line when it has. */
const spread = `(setsid sh -c "sleep $M.1 >/dev/null 2>&1 </dev/null &"); (setsid env -i sleep $M.2 >/dev/null 2>&1 </dev/null &); echo spread`;

export const detached = defineGroup<SandboxContext>(
  'detached',
  'commands that outlive the program which started them',
  (test) => {
    const start = (box: Sandbox, script: string, env: Record<string, string> = {}) =>
      box.spawn(['sh', '-c', script], { detached: true, env });

    test('outlives', 'it runs on when its program has closed everything', kept, async (t) => {
      const workspace = await t.workspace();
      const elsewhere = t.manager();
      const { id } = await start(await t.opened(open, workspace, elsewhere), 'echo on; exec sleep 600');
      await elsewhere.close();
      const box = await t.opened(open, workspace);
      const [info] = await box.commands.list();
      t.expect([info?.id, info?.state, info?.result]).toEqual([id, 'running', null]);
      t.expect(await firstLine(await box.commands.get(id))).toBe('on\n');
    });

    test('by-name', 'whoever finds the sandbox by its name can list, follow and kill it', kept, async (t) => {
      const box = await t.opened(open);
      const { id } = await start(box, 'echo on; exec sleep 600');
      const found = await t.sandboxes.get(box.name);
      t.expect((await found.commands.list()).map((info) => info.id)).toEqual([id]);
      const command = await found.commands.get(id);
      t.expect(await firstLine(command)).toBe('on\n');
      t.expect((await command.kill()).ending).toBe('signaled');
      t.expect((await box.commands.list()).map(({ state }) => state)).toEqual(['ended']);
    });

    test(
      'runs-as',
      'it has the words, environment and directory that it was given, and an empty stdin',
      kept,
      async (t) => {
        const box = await t.opened(open);
        await box.files.mkdir('a directory');
        const words = [
          'sh',
          '-c',
          'printf "%s|" "$@" "$A" "${PWD##*/}"; cat; echo end >&2',
          'sh',
          'two words',
          '',
          '*',
        ];
        const command = await box.spawn(words, { detached: true, env: { A: 'ü' }, cwd: 'a directory' });
        t.expect((await command.wait()).exitCode).toBe(0);
        const { stdout, stderr, info } = await command.logs();
        t.expect([stdout, stderr]).toEqual(['two words||*|ü|a directory|', 'end\n']);
        t.expect([info.command, info.state]).toEqual([words, 'ended']);
        t.expect((info.endedAt?.getTime() ?? 0) >= info.startedAt.getTime()).toBe(true);
      },
    );

    test('ends', 'its end is told as that of any command', kept, async (t) => {
      const box = await t.opened(open);
      for (const [script, expected] of [
        ['exit 7', ['exited', 7, null]],
        ['kill -TERM $$; sleep 600', ['signaled', null, 'SIGTERM']],
        ['exec no-such-program', ['exited', 127, null]],
      ] as const) {
        const { ending, exitCode, signal } = await (await start(box, script)).wait();
        t.expect([ending, exitCode, signal]).toEqual(expected);
      }
    });

    test(
      'no-program',
      'a program that is not there is 127, and a directory that is not there an error',
      kept,
      async (t) => {
        const box = await t.opened(open);
        const command = await box.spawn(['no-such-program'], { detached: true });
        t.expect((await command.wait()).exitCode).toBe(127);
        await t.refused('NOT_FOUND', box.spawn(['true'], { detached: true, cwd: 'no/such' }));
        t.expect((await box.commands.list()).map((info) => info.id)).toEqual([command.id]);
      },
    );

    test('timeout', 'it has no timeout unless one is given, and then one that holds', kept, async (t) => {
      const box = await t.opened(open);
      const command = await box.spawn(['sleep', '600'], { detached: true, timeoutMs: 300 });
      t.expect((await command.wait()).ending).toBe('timed-out');
    });

    test(
      'kill',
      'kill ends its whole tree, what it has left behind too, and nothing else',
      kept,
      async (t) => {
        const [M, other] = [markOf(), markOf()];
        const box = await t.opened(open);
        const beside = await start(box, `${spread}; exec sleep 600`, { M: other });
        const command = await start(box, `${spread}; exit 3`, { M });
        t.expect([await firstLine(command), await firstLine(beside)]).toEqual(['spread\n', 'spread\n']);
        await t.eventually(
          'both have spread',
          async () => (await inGuest(box, M)) === 2 && (await inGuest(box, other)) === 2,
        );
        t.expect((await command.inspect()).state).toBe('running');
        const { ending, exitCode } = await command.kill();
        t.expect([ending, exitCode]).toEqual(['exited', 3]);
        t.expect([await inGuest(box, M), await inGuest(box, other)]).toEqual([0, 2]);
        t.expect(await hostProcessesWith(`${M}.`)).toEqual([]);
        await command.kill();
      },
    );

    test('signal', 'a signal reaches it', kept, async (t) => {
      const command = await start(
        await t.opened(open),
        'trap "exit 9" USR1; echo ready; while :; do sleep 0.05; done',
      );
      t.expect(await firstLine(command)).toBe('ready\n');
      await command.signal('SIGUSR1');
      t.expect((await command.wait()).exitCode).toBe(9);
      await command.signal('SIGUSR1');
    });

    test('follow', 'who follows sees what comes as it comes, up to the end', kept, async (t) => {
      const box = await t.opened(open);
      const command = await start(
        box,
        'echo one; until [ -e go ]; do sleep 0.05; done; echo two; echo three >&2; exit 5',
      );
      const output = command.follow();
      t.expect(textOf((await output.next()).value)).toBe('one\n');
      await box.files.write('go', '');
      const rest = { stdout: '', stderr: '' };
      let next = await output.next();
      for (; !next.done; next = await output.next()) rest[next.value.stream] += textOf(next.value);
      t.expect([rest, next.value]).toEqual([
        { stdout: 'two\n', stderr: 'three\n' },
        { stdoutMissed: 0, stderrMissed: 0 },
      ]);
      t.expect((await command.inspect()).result?.exitCode).toBe(5);
    });

    test('bounded', 'of what it prints the last MiB is kept, and nobody need read it', kept, async (t) => {
      const command = await start(await t.opened(open), 'yes | head -c 3000000; printf end');
      t.expect((await command.wait()).exitCode).toBe(0);
      const { stdoutBytes, stdoutTruncated, stderrTruncated, info } = await command.logs();
      t.expect([stdoutTruncated, stderrTruncated, info.stdoutLength]).toEqual([true, false, 3_000_003]);
      t.expect(stdoutBytes.length <= 1024 * 1024 && stdoutBytes.length >= 65_536).toBe(true);
      t.expect(Buffer.from(stdoutBytes.subarray(-5)).toString()).toBe('y\nend');
    });

    test(
      'many',
      'so many run, and so many that have ended are remembered',
      { ...kept, timeoutMs: 90_000 },
      async (t) => {
        const box = await t.opened(open);
        const running = await Promise.all(Array.from({ length: 32 }, () => start(box, 'exec sleep 600')));
        await t.refused('RESOURCE_EXHAUSTED', start(box, 'true'));
        await Promise.all(running.map((command) => command.kill()));
        await (await start(box, 'true')).wait();
        t.expect((await box.commands.list()).length).toBe(32);
      },
    );

    test('stop', 'stop asks it to end, ends it, and tells it as lost to who waits', kept, async (t) => {
      const workspace = await t.workspace();
      const box = await t.opened(open, workspace);
      const asked = await start(
        box,
        'trap "echo asked > asked; exit" TERM; echo ready; while :; do sleep 0.05; done',
      );
      const other = await t.opened(open, workspace, t.manager());
      const waiting = (await other.commands.get(asked.id)).wait();
      t.expect(await firstLine(asked)).toBe('ready\n');
      await box.stop({ graceMs: 5_000 });
      t.expect(['lost', 'exited']).toContain((await waiting).ending);
      t.expect(await box.commands.list()).toEqual([]);
      t.expect((await t.adapter.inspect(box.name)).state).toBe('stopped');
      const again = await t.opened(open, workspace);
      t.expect((await again.exec(['cat', 'asked'])).stdout).toBe('asked\n');
      t.expect(await again.commands.list()).toEqual([]);
      await t.refused('NOT_FOUND', again.commands.get(asked.id));
      t.expect((await asked.wait()).ending).toBe('lost');
      const { id } = await start(again, 'exec sleep 600');
      t.expect(id === asked.id).toBe(false);
    });

    test(
      'killed-sandbox',
      'when the runtime ends the sandbox, it is lost, and nothing is started to find out',
      kept,
      async (t) => {
        const box = await t.opened(open);
        const command = await start(box, 'exec sleep 600');
        const waiting = command.wait();
        await t.adapter.kill(box.name);
        t.expect((await waiting).ending).toBe('lost');
        t.expect((await command.wait()).ending).toBe('lost');
        t.expect((await t.adapter.inspect(box.name)).state).toBe('stopped');
      },
    );

    test('removed', 'remove ends it, and leaves none of its processes', kept, async (t) => {
      const M = markOf();
      const box = await t.opened(open);
      const command = await start(box, `${spread}; exec sleep 600`, { M });
      t.expect(await firstLine(command)).toBe('spread\n');
      await box.remove();
      t.expect(await hostProcessesWith(`${M}.`)).toEqual([]);
      t.expect((await command.wait()).ending).toBe('lost');
    });

    test(
      'unknown',
      'an id that nobody has is NOT_FOUND, and one that cannot be is INVALID_ARGUMENT',
      kept,
      async (t) => {
        const box = await t.opened(open);
        await t.refused('NOT_FOUND', box.commands.get('0123abcd-1'));
        for (const id of ['', '../x', 'a b', 'x'.repeat(100)])
          await t.refused('INVALID_ARGUMENT', box.commands.get(id));
      },
    );

    test('cannot-have', 'what it cannot have is refused by name', kept, async (t) => {
      const box = await t.opened(open);
      for (const [name, value] of [
        ['stdin', 'pipe'],
        ['terminal', true],
        ['user', '0'],
        ['signal', new AbortController().signal],
      ] as const) {
        const options = { detached: true, [name]: value } as const;
        t.expect((await t.refused('INVALID_ARGUMENT', box.spawn(['true'], options))).message).toContain(name);
      }
    });

    test('restricted', 'a restricted sandbox has them too, and no more by it', kept, async (t) => {
      const restricted = (await t.opened(open)).restricted();
      const { id } = await restricted.spawn(['sleep', '600'], { detached: true });
      t.expect((await restricted.commands.list()).map((info) => info.id)).toEqual([id]);
      t.expect(Object.keys(restricted.commands).sort()).toEqual(['get', 'list']);
      await (await restricted.commands.get(id)).kill();
    });

    test(
      'key-hidden',
      'no command sees what the main process asks for before it keeps one',
      kept,
      async (t) => {
        const box = await t.opened(open);
        const { labels } = await t.adapter.inspect(box.name);
        const key = labels['dev.sandbox.init-key'] ?? '';
        t.expect(key.length).toBe(43);
        const { stdout } = await box.exec([
          'sh',
          '-c',
          'env; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true',
        ]);
        t.expect(stdout.includes(key)).toBe(false);
      },
    );

    test(
      'ephemeral',
      'in an ephemeral sandbox it is UNSUPPORTED, by name',
      { facets: ['detached'] },
      async (t) => {
        const box = await t.own();
        t.expect((await t.refused('UNSUPPORTED', start(box, 'true'))).message).toContain('detached');
        t.expect((await t.refused('UNSUPPORTED', box.commands.list())).message).toContain('detached');
      },
    );

    test(
      'refused',
      'where a runtime keeps none, it is UNSUPPORTED, by name',
      { refusalOf: 'detached' },
      async (t) => {
        const { support } = t.probe.capabilities.facets['long-lived'];
        const box = support === 'unsupported' ? await t.own() : await t.opened(open);
        t.expect((await t.refused('UNSUPPORTED', start(box, 'true'))).message).toContain('detached');
        for (const ask of [box.commands.list(), box.commands.get('0123abcd-1')]) {
          t.expect((await t.refused('UNSUPPORTED', ask)).message).toContain('detached');
        }
      },
    );
  },
);

async function firstLine(command: DetachedCommand): Promise<string> {
  let text = '';
  for await (const chunk of command.follow()) {
    text += textOf(chunk);
    if (text.includes('\n')) break;
  }
  return text;
}

function textOf(chunk: OutputChunk | object): string {
  return 'bytes' in chunk ? Buffer.from(chunk.bytes).toString() : '';
}

function markOf(): string {
  return `95${Math.floor(Math.random() * 1e9)}`;
}

/** How many of its sleeping processes are in the sandbox. */
async function inGuest(box: Sandbox, mark: string): Promise<number> {
  const script =
    'for f in /proc/[0-9]*/cmdline; do tr "\\0" " " < $f 2>/dev/null; echo; done | grep -c "^sleep $1$2"; true';
  const { stdout } = await box.exec(['sh', '-c', script, 'sh', mark.slice(0, 4), mark.slice(4)]);
  return Number(stdout);
}
