import { defineGroup } from '../harness/case.ts';
import { pause } from '../harness/deadline.ts';
import { hardArguments } from '../harness/hard-words.ts';
import { collect, everyByte, everyByteInOctal, firstLine } from '../harness/raw-output.ts';

const facets = ['long-lived'] as const;

export const rawExec = defineGroup('raw-exec', 'one more process in a running sandbox', (test) => {
  test('streams-apart', 'its streams are its own, and apart', { facets }, async (t) => {
    const { stdout, stderr } = await t.exec(await t.running(), 'echo out; echo err >&2');
    t.expect([stdout, stderr]).toEqual(['out\n', 'err\n']);
  });

  test('bytes', 'all bytes go in and out unchanged', { facets }, async (t) => {
    const name = await t.running();
    t.expect((await t.exec(name, `printf '${everyByteInOctal}'`)).stdoutBytes.equals(everyByte)).toBe(true);
    t.expect((await t.exec(name, 'exec cat', everyByte)).stdoutBytes.equals(everyByte)).toBe(true);
  });

  for (const code of [0, 1, 42, 255]) {
    test(
      `exit-${code}`,
      `exit code ${code} is ${code}, or lost, and never another`,
      { facets },
      async (t) => {
        t.expect([code, null]).toContain((await t.exec(await t.running(), `exit ${code}`)).exitCode);
      },
    );
  }

  test('arguments', 'arguments arrive byte for byte, without a shell', { facets }, async (t) => {
    const words = hardArguments.map(([, word]) => word).filter((word) => word.length < 1000);
    const raw = await t.adapter.exec(await t.running(), {
      argv: ['/bin/sh', '-c', `printf '%s|' "$@"`, 'sh', ...words],
    });
    t.expect((await collect(raw)).stdout).toBe(`${words.join('|')}|`);
  });

  test('environment', "its environment is laid over the sandbox's", { facets }, async (t) => {
    const name = await t.running({ env: { PATH: '/usr/bin:/bin', ONE: '1', TWO: '2' } });
    const raw = await t.adapter.exec(name, {
      argv: ['/bin/sh', '-c', 'echo "$ONE $TWO"'],
      env: { TWO: 'changed' },
    });
    t.expect((await collect(raw)).stdout).toBe('1 changed\n');
  });

  test('workdir', "it starts in the sandbox's working directory", { facets }, async (t) => {
    t.expect((await t.exec(await t.running(), 'pwd')).stdout).toMatch(/\/tmp\n$/);
  });

  test('user', "it runs as the sandbox's user", { facets }, async (t) => {
    const { uid, gid } = t.spec().user;
    t.expect((await t.exec(await t.running(), 'echo "$(id -u):$(id -g)"')).stdout).toBe(`${uid}:${gid}\n`);
  });

  test(
    'as-root',
    'it can be opened as another user',
    { facets: ['long-lived', 'exec-as-user'] },
    async (t) => {
      const name = await t.running({ user: { ...t.spec().user, allowRoot: true } });
      const raw = await t.adapter.exec(name, { argv: ['/usr/bin/id', '-u'], user: { uid: 0, gid: 0 } });
      t.expect((await collect(raw)).stdout).toBe('0\n');
    },
  );

  test('stdin-end', "its stdin's end reaches it", { facets }, async (t) => {
    t.expect((await t.exec(await t.running(), 'cat; echo after', 'x')).stdout).toBe('xafter\n');
  });

  test('at-once', 'ten at once do not mix their streams', { facets, timeoutMs: 60_000 }, async (t) => {
    const name = await t.running();
    const outputs = await Promise.all(
      Array.from({ length: 10 }, (_unused, index) => t.exec(name, `echo ${index}; cat`, `stdin ${index}`)),
    );
    t.expect(outputs.map(({ stdout }) => stdout)).toEqual(
      outputs.map((_unused, index) => `${index}\nstdin ${index}`),
    );
  });

  test(
    'beside-remove',
    'one that meets the removal of its sandbox ends, or says that there is none',
    { facets, timeoutMs: 60_000 },
    async (t) => {
      for (let round = 0; round < 6; round += 1) {
        const name = await t.running();
        const { agent } = t.spec();
        const session = t.adapter.exec(name, { argv: ['/bin/sleep', '600'], agent }).then(
          (raw) => collect(raw).then(() => 'ended'),
          ({ code }) => code,
        );
        await pause(round * 3);
        await t.adapter.remove(name);
        t.expect(['ended', 'NOT_FOUND', 'FAILED_PRECONDITION', 'UNAVAILABLE']).toContain(await session);
      }
    },
  );

  test('confined-alike', 'what confines the main process confines it too', { facets }, async (t) => {
    const name = await t.running();
    const lines = "grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status";
    const inside = (await t.exec(name, lines)).stdout;
    t.expect(inside).toBe((await t.run(lines)).stdout);
  });

  test('limits-alike', 'limits hold for it too', { facets, controls: ['open-files'] }, async (t) => {
    const name = await t.running({ limits: { openFiles: 256 } });
    t.expect((await t.exec(name, 'ulimit -Hn')).stdout).toBe('256\n');
  });

  test('destroy', 'dropping one leaves the sandbox and the others alone', { facets }, async (t) => {
    const name = await t.running();
    const stays = await t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'echo up; exec cat'] });
    const goes = await t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'echo up; exec cat'] });
    t.expect([await firstLine(stays.stdout), await firstLine(goes.stdout)]).toEqual(['up', 'up']);
    goes.destroy();
    await goes.wait();
    stays.stdin.write('still here\n');
    t.expect(await firstLine(stays.stdout)).toBe('still here');
    t.expect((await t.adapter.inspect(name)).state).toBe('running');
    await collect(stays);
  });

  test(
    'processes-are-shared',
    "sessions see each other's processes",
    { facets: ['long-lived', 'shared-processes'] },
    async (t) => {
      const name = await t.running();
      const raw = await t.adapter.exec(name, { argv: ['/bin/sh', '-c', 'echo $$; exec cat'] });
      const pid = await firstLine(raw.stdout);
      t.expect((await t.exec(name, `test -d /proc/${pid} && echo seen`)).stdout).toBe('seen\n');
      await collect(raw);
    },
  );
});
