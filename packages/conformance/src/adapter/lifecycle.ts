import type { AdapterContext, TraitState } from '../harness/adapter-context.ts';
import { type Define, defineGroup } from '../harness/case.ts';
import { collect, firstLine } from '../harness/raw-output.ts';

const states: readonly TraitState[] = ['missing', 'created', 'running', 'stopped', 'removed'];
const longLived = { facets: ['long-lived'] } as const;

/** Runs one body in every state; `expected` says what the state makes of it. */
function inEveryState<Outcome>(
  test: Define<AdapterContext>,
  verb: string,
  expected: Readonly<Record<TraitState, Outcome>>,
  say: (outcome: Outcome) => string,
  body: (t: AdapterContext, name: string, outcome: Outcome, state: TraitState) => Promise<void>,
): void {
  for (const state of states) {
    const outcome = expected[state];
    test(
      `${verb}-when-${state}`,
      `${verb} of one that is ${state}: ${say(outcome)}`,
      longLived,
      async (t) => {
        const { name } = await t.inState(state);
        await body(t, name, outcome, state);
      },
    );
  }
}

export const lifecycle = defineGroup('lifecycle', 'every verb in every state', (test) => {
  const gone = {
    missing: null,
    created: 'created',
    running: 'running',
    stopped: 'stopped',
    removed: null,
  } as const;

  inEveryState(
    test,
    'inspect',
    gone,
    (state) => state ?? 'NOT_FOUND',
    async (t, name, state) => {
      if (state === null) {
        await t.refused('NOT_FOUND', t.adapter.inspect(name));
        return;
      }
      const info = await t.adapter.inspect(name);
      t.expect({ name: info.name, state: info.state }).toEqual({ name, state });
    },
  );

  inEveryState(
    test,
    'list',
    gone,
    (state) => state ?? 'not in it',
    async (t, name, state) => {
      const listed = (await t.adapter.list({ 'dev.sandbox.name': name })).map((info) => [
        info.name,
        info.state,
      ]);
      t.expect(listed).toEqual(state === null ? [] : [[name, state]]);
    },
  );

  const started = { missing: null, created: true, running: true, stopped: true, removed: null } as const;
  inEveryState(
    test,
    'start',
    started,
    (ok) => (ok ? 'runs' : 'NOT_FOUND'),
    async (t, name, ok) => {
      if (ok === null) {
        await t.refused('NOT_FOUND', t.adapter.start(name));
        return;
      }
      t.expect(await t.adapter.start(name)).toBe(undefined);
      t.expect((await t.adapter.inspect(name)).state).toBe('running');
      t.expect((await t.exec(name, 'echo ready')).stdout).toBe('ready\n');
    },
  );

  const executed = {
    missing: 'NOT_FOUND',
    created: 'FAILED_PRECONDITION',
    running: null,
    stopped: 'FAILED_PRECONDITION',
    removed: 'NOT_FOUND',
  } as const;
  inEveryState(
    test,
    'exec',
    executed,
    (code) => code ?? 'a process',
    async (t, name, code) => {
      if (code) await t.refused(code, t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'true'] }));
      else t.expect((await t.exec(name, 'echo here')).stdout).toBe('here\n');
    },
  );

  inEveryState(
    test,
    'stats',
    executed,
    (code) => code ?? 'numbers',
    async (t, name, code) => {
      if (t.probe.capabilities.facets.stats.support === 'unsupported') {
        await t
          .refused(code === 'NOT_FOUND' ? code : 'UNSUPPORTED', t.adapter.stats(name))
          .catch(async () => {
            await t.refused('UNSUPPORTED', t.adapter.stats(name));
          });
        return;
      }
      if (code) {
        await t.refused(code, t.adapter.stats(name));
        return;
      }
      const { memoryBytes, cpuMs, pids } = await t.adapter.stats(name);
      for (const number of [memoryBytes, cpuMs, pids]) {
        if (number !== null) t.expect(number).toBeGreaterThanOrEqual(0);
      }
    },
  );

  const halted = {
    missing: null,
    created: ['created', 'stopped'],
    running: ['stopped'],
    stopped: ['stopped'],
    removed: null,
  } as const;
  const sayHalted = (after: readonly string[] | null) => (after ? `${after.join(' or ')}` : 'succeeds');
  for (const verb of ['stop', 'kill'] as const) {
    inEveryState<readonly string[] | null>(test, verb, halted, sayHalted, async (t, name, after) => {
      t.expect(await t.adapter[verb](name)).toBe(undefined);
      if (after) t.expect(after).toContain((await t.adapter.inspect(name)).state);
      else await t.refused('NOT_FOUND', t.adapter.inspect(name));
    });
  }

  const always = { missing: 0, created: 0, running: 0, stopped: 0, removed: 0 };
  inEveryState(
    test,
    'remove',
    always,
    () => 'it is gone',
    async (t, name) => {
      t.expect(await t.adapter.remove(name)).toBe(undefined);
      await t.refused('NOT_FOUND', t.adapter.inspect(name));
      t.expect(await t.adapter.list({ 'dev.sandbox.name': name })).toEqual([]);
    },
  );

  const taken = { missing: false, created: true, running: true, stopped: true, removed: false };
  inEveryState(
    test,
    'create',
    taken,
    (is) => (is ? 'ALREADY_EXISTS' : 'made'),
    async (t, name, is, state) => {
      const again = t.longLived({ name, labels: { 'dev.sandbox.task': 'second' } });
      if (!is) {
        await t.adapter.create(again);
        t.expect((await t.adapter.inspect(name)).state).toBe('created');
        return;
      }
      await t.refused('ALREADY_EXISTS', t.adapter.create(again));
      const { labels, state: now } = await t.adapter.inspect(name);
      t.expect([labels['dev.sandbox.task'], now]).toEqual([undefined, state]);
    },
  );

  test(
    'ephemeral-created',
    'an ephemeral sandbox is created, and does not run before it is started',
    async (t) => {
      const { name, info } = await t.create({ argv: ['/bin/sh', '-c', 'exit 0'] });
      t.expect([info.name, info.state]).toEqual([name, 'created']);
      t.expect((await t.adapter.inspect(name)).state).toBe('created');
    },
  );

  test('ephemeral-running', 'an attached ephemeral sandbox runs as long as its main process', async (t) => {
    const { name, raw } = await t.attached(['/bin/sh', '-c', 'echo up; exec cat']);
    t.expect(await firstLine(raw.stdout)).toBe('up');
    t.expect((await t.adapter.inspect(name)).state).toBe('running');
    await collect(raw);
  });

  test(
    'ephemeral-gone',
    'an ephemeral sandbox is gone soon after its main process ended, by itself',
    async (t) => {
      const { name, raw } = await t.attached(['/bin/sh', '-c', 'exit 3']);
      await collect(raw);
      await t.goneByItself(name);
      t.expect(await t.adapter.list({ 'dev.sandbox.name': name })).toEqual([]);
    },
  );

  test(
    'ephemeral-name-free',
    'the name of an ephemeral sandbox that has gone can be used again',
    async (t) => {
      const first = await t.attached(['/bin/sh', '-c', 'true']);
      await collect(first.raw);
      await t.goneByItself(first.name);
      t.expect((await t.run('echo again', { name: first.name })).stdout).toBe('again\n');
    },
  );

  for (const verb of ['stop', 'kill', 'remove'] as const) {
    test(
      `ephemeral-${verb}`,
      `${verb} of an attached ephemeral sandbox ends it, its streams and itself`,
      async (t) => {
        const { name, raw } = await t.attached(['/bin/sh', '-c', 'echo up; exec cat']);
        t.expect(await firstLine(raw.stdout)).toBe('up');
        await t.adapter[verb](name);
        const { exitCode } = await collect(raw);
        t.expect(exitCode).not.toBe(0);
        await t.goneByItself(name);
      },
    );
  }

  test('files-survive-a-stop', 'files survive stop and start, processes do not', longLived, async (t) => {
    const name = await t.running();
    await t.exec(name, 'echo kept > kept.txt');
    await t.adapter.stop(name);
    await t.adapter.start(name);
    t.expect((await t.exec(name, 'cat kept.txt')).stdout).toBe('kept\n');
  });

  test('files-are-shared', 'sessions of one sandbox share its files', longLived, async (t) => {
    const name = await t.running();
    await t.exec(name, 'echo one > shared.txt');
    t.expect((await t.exec(name, 'cat shared.txt')).stdout).toBe('one\n');
  });

  test('sandboxes-are-apart', 'two sandboxes do not share files', longLived, async (t) => {
    const [one, two] = [await t.running(), await t.running()];
    await t.exec(one, 'echo mine > mine.txt');
    t.expect((await t.exec(two, 'cat mine.txt 2>/dev/null || echo none')).stdout).toBe('none\n');
  });

  test('lives-on', 'a long-lived sandbox runs on when a session has ended', longLived, async (t) => {
    const name = await t.running();
    await t.exec(name, 'exit 9');
    t.expect((await t.adapter.inspect(name)).state).toBe('running');
    t.expect((await t.exec(name, 'echo still')).stdout).toBe('still\n');
  });

  test('three-rounds', 'stop and start can be repeated', longLived, async (t) => {
    const name = await t.running();
    for (let round = 0; round < 3; round += 1) {
      await t.exec(name, 'echo round >> rounds.txt');
      await t.adapter.stop(name);
      await t.adapter.start(name);
    }
    t.expect((await t.exec(name, 'cat rounds.txt')).stdout).toBe('round\nround\nround\n');
  });

  const shared = { facets: ['long-lived', 'shared-processes'] } as const;
  const trapping =
    'trap "echo asked > asked.txt; exit 0" TERM; echo ready > ready.txt; while :; do sleep 0.05; done';

  test('graceful-stop', 'stop with grace lets the main process end by itself on TERM', shared, async (t) => {
    const name = await t.running({ argv: ['/bin/sh', '-c', trapping] });
    await t.untilExec(name, 'test -e ready.txt');
    await t.adapter.stop(name, { graceMs: 10_000 });
    await t.adapter.start(name);
    t.expect((await t.exec(name, 'cat asked.txt')).stdout).toBe('asked\n');
  });

  test(
    'stop-is-final',
    'stop ends a main process that ignores TERM, once grace is over',
    shared,
    async (t) => {
      const name = await t.running({
        argv: ['/bin/sh', '-c', 'trap "" TERM; echo ready > ready.txt; while :; do sleep 0.05; done'],
      });
      await t.untilExec(name, 'test -e ready.txt');
      const before = performance.now();
      await t.adapter.stop(name, { graceMs: 300 });
      t.expect(performance.now() - before).toBeLessThanOrEqual(8_000);
      t.expect((await t.adapter.inspect(name)).state).toBe('stopped');
    },
  );

  test('stop-is-quick', 'stop without grace does not wait for anybody', longLived, async (t) => {
    const name = await t.running();
    const before = performance.now();
    await t.adapter.stop(name);
    t.expect(performance.now() - before).toBeLessThanOrEqual(5_000);
  });

  test(
    'main-exit-code',
    'a main process that ends by itself leaves its exit code, and a stopped sandbox',
    shared,
    async (t) => {
      const name = await t.running({ argv: ['/bin/sh', '-c', 'exit 42'] });
      await t.eventually(
        'the sandbox stops',
        async () => (await t.adapter.inspect(name)).state === 'stopped',
      );
      t.expect([42, null, undefined]).toContain((await t.adapter.inspect(name)).exitCode);
    },
  );

  test('stop-ends-sessions', 'stop ends every process that exec opened', longLived, async (t) => {
    const name = await t.running();
    const raw = await t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'echo up; exec cat'] });
    t.expect(await firstLine(raw.stdout)).toBe('up');
    await t.adapter.stop(name);
    const { exitCode } = await collect(raw);
    t.expect(exitCode).not.toBe(0);
  });

  test('created-at', 'inspect tells when a sandbox was made, if it tells at all', async (t) => {
    const before = Date.now() - 5_000;
    const { name } = await t.create();
    const { createdAt } = await t.adapter.inspect(name);
    if (createdAt === undefined) return;
    t.expect(createdAt instanceof Date).toBe(true);
    t.expect(createdAt.getTime()).toBeGreaterThanOrEqual(before);
    t.expect(createdAt.getTime()).toBeLessThanOrEqual(Date.now() + 5_000);
  });

  test('sessions-counted', 'inspect counts the open sessions, where it can tell', longLived, async (t) => {
    const name = await t.running();
    const raw = await t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'echo up; exec cat'] });
    t.expect(await firstLine(raw.stdout)).toBe('up');
    t.expect([1, undefined]).toContain((await t.adapter.inspect(name)).sessions);
    await collect(raw);
    await t.eventually(
      'no session is left',
      async () => ((await t.adapter.inspect(name)).sessions ?? 0) === 0,
    );
  });
});
