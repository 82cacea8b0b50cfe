import { defineGroup } from '../harness/case.ts';
import { pause } from '../harness/deadline.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

const kept = { facets: ['long-lived'] } as const;

export const life = defineGroup<SandboxContext>(
  'life',
  'made, used, stopped, found again, removed',
  (test) => {
    test('run', 'run gives a result, which names the runtime and the sandbox', async (t) => {
      const result = await t.runSh('echo out; echo err >&2; exit 7');
      const { runtime, ending, exitCode, stdout, stderr, command } = result;
      t.expect([runtime, ending, exitCode, stdout, stderr]).toEqual([
        t.adapter.runtime,
        'exited',
        7,
        'out\n',
        'err\n',
      ]);
      t.expect(command).toEqual(['sh', '-c', 'echo out; echo err >&2; exit 7']);
      t.expect(result.sandbox).toMatch(/^sandbox-/);
    });

    test('run-gone', 'when run has settled, its sandbox is gone', async (t) => {
      const { sandbox } = await t.runSh('true');
      await t.refused('NOT_FOUND', t.adapter.inspect(sandbox));
      t.expect((await t.sandboxes.list()).map(({ name }) => name)).not.toContain(sandbox);
    });

    test('run-fresh', 'two runs share nothing', async (t) => {
      await t.runSh('echo mine > "$HOME/mine"');
      t.expect((await t.runSh('cat "$HOME/mine" 2>/dev/null || echo none')).stdout).toBe('none\n');
    });

    test('run-stdin', 'run takes stdin', async (t) => {
      t.expect((await t.sandboxes.run(['cat'], { stdin: 'given' })).stdout).toBe('given');
    });

    test('create', 'a created sandbox runs, and is listed', async (t) => {
      const box = await t.own();
      t.expect([box.lifecycle, (await box.inspect()).state]).toEqual(['ephemeral', 'running']);
      t.expect((await t.sandboxes.list()).map(({ name }) => name)).toContain(box.name);
    });

    test('by-hand', 'create, start, exec and remove can be told one by one', async (t) => {
      const box = await t.own({ start: false });
      t.expect((await box.inspect()).state).toBe('created');
      await t.refused('FAILED_PRECONDITION', box.exec(['true'])).catch(async () => {
        // Or it starts by itself, which is as good.
        t.expect((await box.inspect()).state).toBe('running');
      });
      await box.start();
      await box.start();
      t.expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
      await box.remove();
      await box.remove();
      await t.refused('NOT_FOUND', t.adapter.inspect(box.name));
    });

    test('state-is-kept', 'what one command wrote, the next one reads', async (t) => {
      const box = await t.own();
      await box.shell`echo kept > kept.txt`;
      t.expect((await box.shell`cat kept.txt`).stdout).toBe('kept\n');
    });

    test('spawn-lives', 'a spawned command goes on beside others', async (t) => {
      const box = await t.box();
      const command = await box.spawn(['sh', '-c', 'while :; do sleep 0.1; done']);
      t.expect((await command.pid) ?? 0).toBeGreaterThanOrEqual(1);
      t.expect((await box.exec(['true'])).exitCode).toBe(0);
      await pause(200);
      t.expect((await command.kill()).ending).not.toBe('exited');
    });

    for (const verb of ['stop', 'kill', 'remove', 'close'] as const) {
      test(
        `${verb}-ephemeral`,
        `${verb} of an ephemeral sandbox leaves nothing, and ends its commands`,
        async (t) => {
          const box = await t.own();
          const command = await box.spawn(['sleep', '600']);
          await box[verb]();
          t.expect(['lost', 'signaled', 'aborted']).toContain((await command.wait()).ending);
          await t.refused('NOT_FOUND', t.adapter.inspect(box.name));
        },
      );
    }

    test('await-using', 'a created sandbox is gone when its scope ends', async (t) => {
      let name = '';
      {
        await using box = await t.sandboxes.create();
        name = box.name;
        t.expect((await box.exec(['true'])).exitCode).toBe(0);
      }
      await t.refused('NOT_FOUND', t.adapter.inspect(name));
    });

    test('after-remove', 'a removed sandbox refuses work, in words', async (t) => {
      const box = await t.own();
      await box.remove();
      await t.refusedWith(['UNAVAILABLE', 'NOT_FOUND', 'FAILED_PRECONDITION'], box.exec(['true']));
    });

    test('dies', 'when the runtime ends a sandbox, its commands end as lost', async (t) => {
      const box = await t.own();
      const command = await box.spawn(['sleep', '600']);
      await command.pid;
      await t.adapter.kill(box.name);
      const { ending, exitCode } = await command.wait();
      t.expect([ending, exitCode]).toEqual(['lost', null]);
    });

    test('restricted', 'a restricted sandbox works and cannot be stopped or removed', async (t) => {
      const restricted = (await t.box()).restricted();
      t.expect((await restricted.exec(['echo', 'on'])).stdout).toBe('on\n');
      const verbs = ['stop', 'kill', 'remove', 'close', 'start', 'restricted'].filter(
        (verb) => verb in restricted,
      );
      t.expect(verbs).toEqual([]);
    });

    test('stats', 'stats tell what the sandbox uses', { facets: ['stats'] }, async (t) => {
      const { memoryBytes } = await (await t.box()).stats();
      t.expect(memoryBytes ?? 1).toBeGreaterThanOrEqual(1);
    });

    test('labels', 'labels that were given are on the sandbox, beside ours', async (t) => {
      const box = await t.own({ labels: { 'example.conformance/team': 'blue' } });
      const { labels } = await t.adapter.inspect(box.name);
      t.expect([labels['example.conformance/team'], labels['dev.sandbox.scope']]).toEqual(['blue', t.scope]);
      t.expect(labels['dev.sandbox.lifecycle']).toBe('ephemeral');
    });

    test('open-again', 'open of the same workspace is the same sandbox', kept, async (t) => {
      const workspace = await t.workspace();
      const one = await t.opened(open, workspace);
      const two = await t.opened(open, workspace);
      t.expect(two.name).toBe(one.name);
      await one.shell`echo kept > "$HOME/kept"`;
      t.expect((await two.shell`cat "$HOME/kept"`).stdout).toBe('kept\n');
    });

    test('open-stopped', 'open starts one that was stopped, with its files', kept, async (t) => {
      const workspace = await t.workspace();
      const one = await t.opened(open, workspace);
      await one.shell`echo kept > "$HOME/kept"`;
      await one.stop();
      t.expect((await t.adapter.inspect(one.name)).state).toBe('stopped');
      const two = await t.opened(open, workspace);
      t.expect((await two.shell`cat "$HOME/kept"`).stdout).toBe('kept\n');
    });

    test('open-close', 'close of a long-lived sandbox leaves it running for others', kept, async (t) => {
      const box = await t.opened(open);
      await box.close();
      t.expect((await t.adapter.inspect(box.name)).state).toBe('running');
    });

    test(
      'open-by-another',
      'another program finds the same sandbox, and one closing does not disturb the other',
      kept,
      async (t) => {
        const workspace = await t.workspace();
        const one = await t.opened(open, workspace);
        const elsewhere = t.manager();
        const two = await t.opened(open, workspace, elsewhere);
        t.expect(two.name).toBe(one.name);
        await one.close();
        t.expect((await two.exec(['echo', 'undisturbed'])).stdout).toBe('undisturbed\n');
        await two.remove();
        await elsewhere.close();
      },
    );

    test(
      'open-at-once',
      'four who open one workspace at once get one sandbox',
      { ...kept, timeoutMs: 60_000 },
      async (t) => {
        const workspace = await t.workspace();
        const boxes = await Promise.all([1, 2, 3, 4].map(() => t.opened(open, workspace)));
        t.expect(new Set(boxes.map(({ name }) => name)).size).toBe(1);
        t.expect((await t.adapter.list({ 'dev.sandbox.name': boxes[0]?.name ?? '' })).length).toBe(1);
      },
    );

    test('get', 'get finds a sandbox by its name', kept, async (t) => {
      const box = await t.opened(open);
      const again = await t.sandboxes.get(box.name);
      t.expect([again.name, again.lifecycle]).toEqual([box.name, 'long-lived']);
      await t.refused('NOT_FOUND', t.sandboxes.get('sandbox-no-such'));
    });

    test(
      'remove-volumes',
      'remove takes the home volume along',
      { facets: ['long-lived', 'volumes'] },
      async (t) => {
        const box = await t.opened(open);
        await box.remove();
        const left = (await t.adapter.volumes?.list({ 'dev.sandbox.name': box.name })) ?? [];
        t.expect(left).toEqual([]);
      },
    );

    test(
      'manager-close',
      'close of the manager removes what is ephemeral and keeps what is not',
      { ...kept, timeoutMs: 60_000 },
      async (t) => {
        const manager = t.manager();
        const ephemeral = await manager.create();
        const longLived = await t.opened(open, undefined, manager);
        await manager.close();
        await t.refused('NOT_FOUND', t.adapter.inspect(ephemeral.name));
        t.expect((await t.adapter.inspect(longLived.name)).state).toBe('running');
        await t.adapter.remove(longLived.name, { volumes: true });
      },
    );

    test(
      'stricter',
      'a stricter request for an existing sandbox is refused',
      { facets: ['long-lived'], controls: ['open-files'] },
      async (t) => {
        const workspace = await t.workspace();
        await t.opened({ ...open, openFiles: 2048 }, workspace);
        const error = await t.refused(
          'FAILED_PRECONDITION',
          t.opened({ ...open, openFiles: 512 }, workspace),
        );
        t.expect(error.hint ?? '').toContain('recreate');
      },
    );
  },
);

/** So that it can be had on a runtime that mounts nothing. */
const open = { workspaceAccess: 'none' } as const;
