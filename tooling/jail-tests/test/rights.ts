import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { createCli } from '@sandbox/cli';
import { createSandboxes } from '@sandbox/core';
import { describe, expect, test } from 'vitest';
import { canRead, temporary, whoRuns } from './fixture.ts';
import { runScript, specOf } from './jails.ts';
import { agent } from './ordinary-user.ts';

const unlimited = () => specOf(['/bin/true']).limits;

/** Where whoever runs it may read it. */
function probeProgram(): string {
  const program = join(temporary(), 'probe.mjs');
  copyFileSync(join(import.meta.dirname, 'probe-here.mjs'), program);
  chmodSync(program, 0o644);
  return program;
}

/** What is missing on the host, for whoever runs this process. */
export function rights(here: boolean): void {
  const { adapter, isRoot, who, tested, scope } = whoRuns();
  const { runtime, createAdapter } = tested;
  describe.skipIf(!here)(`${runtime} as ${who}, when something is missing`, () => {
    test('a program that is not there is explained', async () => {
      expect(await createAdapter({ binary: '/no/such/program' }).probe()).toMatchObject({
        status: 'undetected',
        remedy: expect.stringContaining(tested.remedy),
      });
    });

    test('without rights to a cgroup, limits that need one are refused by name, and the others hold', async () => {
      // Below a file nobody can make a directory.
      const poor = createAdapter({ cgroupParent: '/cgroup.procs/sandbox' });
      const probe = await poor.probe();
      expect(probe).toMatchObject({
        status: 'healthy',
        warnings: [expect.stringMatching(/cannot limit memory.*(chown|Delegate=yes)/)],
      });
      const { controls, facets } = probe.capabilities;
      expect(
        [controls.memory, controls.cpus, controls.pids, facets.stats].map(({ support }) => support),
      ).toEqual([...['unsupported', 'unsupported', 'limited', 'unsupported']]);
      for (const [control, limit] of [
        ['memory', { memoryBytes: 2 ** 28 }],
        ['cpus', { cpus: 1 }],
      ] as const) {
        const spec = specOf(['/bin/true'], { limits: { ...unlimited(), ...limit } });
        await expect(poor.create(spec)).rejects.toMatchObject({
          code: 'UNSUPPORTED',
          message: expect.stringContaining(control),
        });
      }
      const limits = { ...unlimited(), pids: 20, openFiles: 100 };
      const script = 'ulimit -n; i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo all';
      const { stdout, stderr } = await runScript(poor, script, { limits });
      expect(stdout).toBe('100\n');
      expect(stderr).toMatch(/fork/);
    });

    test('nothing asked: `echo hi` runs, with a warning for each default that cannot be had', async () => {
      await using sandboxes = createSandboxes({ adapter, scope, ...(agent && { agent }) });
      const { ending, exitCode, stdout, stderr } = await sandboxes.run(['echo', 'hi']);
      expect({ ending, exitCode, stdout, stderr }).toEqual({
        ...{ ending: 'exited', exitCode: 0, stdout: 'hi\n', stderr: '' },
      });
      await using poor = createSandboxes({
        adapter: createAdapter({ cgroupParent: '/cgroup.procs/sandbox' }),
        scope,
        ...(agent && { agent }),
      });
      const { stdout: same, warnings } = await poor.run(['echo', 'hi']);
      expect(same).toBe('hi\n');
      expect(warnings.join('\n')).toMatch(/memory/);
    });

    // The program brings its own agent, wherever it is itself.
    test.runIf(isRoot || canRead(import.meta.filename))(
      '`sandbox run -- echo hi` exits 0, and its stdout is the command’s',
      async () => {
        const load = async () => createAdapter();
        const cli = createCli({ adapters: [{ runtime, load }] });
        const [stdout, stderr] = [new PassThrough(), new PassThrough()];
        const io = { stdin: Readable.from([]), stdout, stderr, env: { SANDBOX_SCOPE: scope } };
        const code = await cli.run(['run', '--', 'echo', 'hi'], io);
        // What it says tells why, where it fails; else it may warn of what an ordinary user cannot have.
        expect([code, code === 0 ? '' : String(stderr.read())]).toEqual([0, '']);
        expect(String(stdout.read())).toBe('hi\n');
      },
    );

    // As in a container: those ids are not there that a host's /proc always has.
    test.runIf(isRoot)('it works in a PID namespace with few processes', () => {
      const used = 'for id in 2 3 4 5 6 7 8 9; do /bin/true; done; exec "$@"';
      const words = ['--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', used, 'sh'];
      const program = [process.execPath, probeProgram(), tested.module, tested.factory];
      const output = execFileSync('unshare', [...words, ...program]);
      expect(JSON.parse(output.toString())).toMatchObject({ status: 'healthy' });
    });

    test.runIf(isRoot || canRead(import.meta.filename))(
      'without user namespaces, the probe says what to type',
      () => {
        // One's own user namespace may be forbidden to have others in it, whoever one is.
        const forbid =
          'echo 1 > /proc/sys/user/max_user_namespaces && exec unshare --user --map-user=1000 --map-group=1000 "$@"';
        const words = ['--user', '--map-root-user', 'sh', '-c', forbid, 'sh'];
        const output = execFileSync('unshare', [
          ...words,
          process.execPath,
          probeProgram(),
          tested.module,
          tested.factory,
        ]);
        expect(JSON.parse(output.toString())).toMatchObject({
          status: 'unhealthy',
          message: expect.stringContaining(tested.withoutUserNamespaces),
          remedy: expect.stringContaining('user.max_user_namespaces'),
        });
      },
    );
  });
}
