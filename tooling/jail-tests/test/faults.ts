import { execFileSync, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  globSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { canRead, running, temporary, whoRuns } from './fixture.ts';
import {
  eventually,
  execScript,
  makeRoot,
  outputOf,
  processesWith,
  runScript,
  specOf,
  untilLine,
} from './jails.ts';

const killed = join(import.meta.dirname, 'killed-program.ts');
const look = join(import.meta.dirname, 'look-program.ts');

/** For whoever runs this process. */
export function faults(here: boolean): void {
  const { adapter, isRoot, who, tested, scope } = whoRuns();
  const { runtime, createAdapter } = tested;
  describe.skipIf(!here)(`${runtime} as ${who}, when things go wrong`, () => {
    afterAll(async () => {
      expect((await adapter.list({ 'dev.sandbox.scope': scope })).map(({ name }) => name)).toEqual([]);
      await adapter.close();
    });

    test.runIf(isRoot || canRead(import.meta.filename))(
      'the whole tree dies with our process, however that dies; what is kept is kept',
      async () => {
        const mark = `95${Math.floor(Math.random() * 1e9)}`;
        const names = ['kept', 'gone'].map((word) => `sandbox-jail-test-${word}-${mark}`);
        const child = spawn(
          process.execPath,
          [killed, runtime, tested.module, tested.factory, mark, ...names],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
            env: { ...process.env, SANDBOX_SCOPE: scope },
          },
        );
        onTestFinished(() => adapter.remove(names[0] ?? ''));
        await once(child.stdout, 'data');
        await eventually('the strays are there', () => processesWith(`${mark}.`).length >= 4);
        child.kill('SIGKILL');
        await eventually('nothing runs any more', () => processesWith(mark).length === 0);
        const left = await adapter.list({ 'dev.sandbox.scope': scope });
        expect(left.map(({ name, state }) => [name, state])).toEqual([[names[0], 'running']]);
        expect((await execScript(adapter, names[0] ?? '', 'cat kept.txt')).stdout).toBe('kept\n');
      },
    );

    test('a failure of the jail is told from one of its program', async () => {
      expect(await runScript(adapter, 'echo mine >&2; exit 255')).toEqual({
        stdout: '',
        stderr: 'mine\n',
        exitCode: 255,
      });
      const spec = specOf(['/no/such/program']);
      await adapter.create(spec);
      const { stderr, exitCode } = await outputOf(await adapter.start(spec.name, { attach: true }));
      expect([exitCode, stderr]).toEqual([127, expect.stringContaining('No such file')]);
      await adapter.remove(spec.name);
      const source = temporary();
      const mounts = [{ type: 'bind', source, target: '/workspace', readOnly: true }] as const;
      const broken = specOf(['/bin/true'], { mounts });
      await adapter.create(broken);
      onTestFinished(() => adapter.remove(broken.name));
      rmdirSync(source);
      await expect(adapter.start(broken.name, { attach: true })).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: expect.stringMatching(/workspace|jail-test/),
      });
    });

    test('a working directory that is not there is a failure that names it', async () => {
      const broken = specOf(['/bin/true'], { workdir: '/usr/no-such' });
      await adapter.create(broken);
      onTestFinished(() => adapter.remove(broken.name));
      await expect(adapter.start(broken.name, { attach: true })).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: expect.stringMatching(/\/usr\/no-such.*No such file/),
      });
    });

    test('a guest on the host’s root knows whose system that is, and nothing else of the host', async () => {
      const { stdout } = await runScript(adapter, 'cat /etc/os-release; cat /etc/machine-id /etc/fstab');
      expect(stdout).toBe(readFileSync('/usr/lib/os-release', 'utf8'));
    });

    test('a program cannot write to the report of its jail', async () => {
      const { forged } = tested;
      const script = `for fd in 1 2 3 4 5 6 7; do echo '${forged}' >&$fd; done 2>/dev/null; ls /proc/self/fd | wc -l; exit 7`;
      const { stdout, exitCode } = await runScript(adapter, script);
      expect(exitCode).toBe(7);
      expect(stdout.split('\n').filter((line) => line === forged)).toHaveLength(1);
    });

    test.runIf(isRoot || canRead(import.meta.filename))(
      'what the program was given for its children is not the guest’s',
      () => {
        const secret = join(temporary(), 'secret');
        writeFileSync(secret, 'secret');
        const file = openSync(secret, 'r');
        onTestFinished(() => closeSync(file));
        // Node closes low ones by itself.
        const stdio = Array.from({ length: 60 }, (_, fd) => (fd === 59 ? file : fd < 3 ? 'pipe' : 'ignore'));
        const program = join(import.meta.dirname, 'descriptors-program.ts');
        const words = [program, runtime, tested.module, tested.factory];
        const env = { ...process.env, SANDBOX_SCOPE: scope };
        const { stdout, stderr } = spawnSync(process.execPath, words, {
          ...{ stdio: stdio as StdioOptions, env, encoding: 'utf8' },
        });
        expect([stdout, stderr]).toEqual([expect.stringMatching(/ 0 -> /), '']);
        expect(stdout).not.toContain('secret');
      },
    );

    test('two sandboxes are two users of the host, and neither is root', async () => {
      const names = [await running(), await running()];
      const jails = await Promise.all(
        names.map(async (name) => {
          const mark = `94${Math.floor(Math.random() * 1e9)}`;
          const raw = await adapter.exec(name, {
            argv: ['/bin/sh', '-c', `echo up; exec sleep ${mark}`],
            user: { uid: 0, gid: 0 },
          });
          await untilLine(raw, 'up');
          await eventually('it sleeps', () => processesWith(`sleep\0${mark}`).length === 1);
          const status = readFileSync(`/proc/${processesWith(`sleep\0${mark}`)[0]}/status`, 'utf8');
          raw.destroy();
          return Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
        }),
      );
      if (isRoot) {
        for (const uid of jails) expect(uid).toBeGreaterThanOrEqual(100_000);
        expect(jails[0]).not.toBe(jails[1]);
      } else expect(jails).toEqual([process.getuid?.(), process.getuid?.()]);
    });

    test('an unpacked root file system, read-only and kept', async () => {
      const path = makeRoot(temporary());
      writeFileSync(join(path, 'data/given'), 'given\n');
      const readOnly = { type: 'directory', path, readOnly: true } as const;
      const refused =
        '(: > /data/x) 2>/dev/null && echo wrote; (: > /x) 2>/dev/null && echo wrote; cat /data/given; id -u';
      expect((await runScript(adapter, refused, { root: readOnly })).stdout).toBe('given\n1000\n');

      const kept = { type: 'directory', path, readOnly: false } as const;
      if (!isRoot && !tested.keepsDirectories) {
        const refused = { code: 'UNSUPPORTED', message: expect.stringContaining('root') };
        await expect(adapter.create(specOf(['/bin/sh'], { root: kept }))).rejects.toMatchObject(refused);
        return;
      }
      const name = await running({ root: kept });
      await execScript(adapter, name, 'echo mine > /data/mine');
      await adapter.stop(name);
      await adapter.start(name);
      expect((await execScript(adapter, name, 'cat /data/given /data/mine')).stdout).toBe('given\nmine\n');
      expect(execFileSync('ls', [join(path, 'data')], { encoding: 'utf8' })).toBe('given\n');

      const first = await adapter.exec(name, { argv: ['/bin/sh', '-c', 'echo up; exec cat'] });
      await untilLine(first, 'up');
      const second = execScript(adapter, name, 'echo seen > /data/seen; cat /data/mine');
      if (isRoot) expect((await second).stdout).toBe('mine\n');
      else await expect(second).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
      first.destroy();
      await first.wait();
      expect((await execScript(adapter, name, 'cat /data/mine')).stdout).toBe('mine\n');
    });

    test('after a boot a kept sandbox is stopped, and has its files', async () => {
      const stateDirectory = temporary();
      const own = createAdapter({ stateDirectory });
      const spec = specOf(['/bin/sh'], { lifecycle: 'long-lived' });
      await own.create(spec);
      await own.start(spec.name);
      await execScript(own, spec.name, 'echo kept > kept.txt');
      const mark = join(stateDirectory, 'sandboxes', spec.name, 'state.json');
      writeFileSync(mark, JSON.stringify({ state: 'running', bootId: 'an-earlier-one' }));
      const later = createAdapter({ stateDirectory });
      expect((await later.inspect(spec.name)).state).toBe('stopped');
      await later.start(spec.name);
      expect((await execScript(later, spec.name, 'cat kept.txt')).stdout).toBe('kept\n');
      await later.remove(spec.name);
    });

    test.each(['', '{"spec":{}}', null])(
      'a record that is %j after a loss of power keeps no name',
      async (text) => {
        const stateDirectory = temporary();
        const own = createAdapter({ stateDirectory });
        const spec = specOf(['/bin/sh'], { lifecycle: 'long-lived' });
        const damage = () => {
          const record = join(stateDirectory, 'sandboxes', spec.name, 'sandbox.json');
          if (text === null) rmSync(record);
          else writeFileSync(record, text);
        };
        await own.create(spec);
        await own.start(spec.name);
        await execScript(own, spec.name, 'echo kept > /var/tmp/kept.txt');
        damage();
        await own.create(spec);
        await own.start(spec.name);
        expect((await execScript(own, spec.name, 'echo again')).stdout).toBe('again\n');
        // Whoever wants it back finds it there.
        const [aside] = (await own.extras?.())?.filter(({ name }) => name.startsWith('damaged-')) ?? [];
        const kept = join(stateDirectory, aside?.name ?? '', 'root/var/tmp/kept.txt');
        expect(readFileSync(kept, 'utf8')).toBe('kept\n');
        damage();
        await own.remove(spec.name);
        expect(existsSync(join(stateDirectory, 'sandboxes', spec.name))).toBe(false);
      },
    );

    test('a volume whose record was lost with the power is given to nobody, and goes with the rest', async () => {
      const stateDirectory = temporary();
      const own = createAdapter({ stateDirectory });
      const inVolumes = (...parts: string[]) => join(stateDirectory, 'volumes', ...parts);
      const lose = async () => {
        await own.volumes?.ensure('box-home', { whose: 'ann' });
        writeFileSync(inVolumes('box-home', 'kept.txt'), 'anns');
        writeFileSync(inVolumes('box-home', 'volume.json'), '');
      };
      await lose();
      await own.volumes?.ensure('box-home', { whose: 'bob' });
      expect(await own.volumes?.list({ whose: 'bob' })).toMatchObject([{ name: 'box-home' }]);
      expect(existsSync(inVolumes('box-home', 'kept.txt'))).toBe(false);
      const [aside] = (await own.extras?.())?.filter(({ name }) => name.startsWith('damaged-')) ?? [];
      expect(readFileSync(join(stateDirectory, aside?.name ?? '', 'kept.txt'), 'utf8')).toBe('anns');
      await own.volumes?.remove('box-home');
      await lose();
      await own.volumes?.remove('box-home');
      expect(existsSync(inVolumes('box-home'))).toBe(false);
      await lose();
      await own.sweep?.({}, { all: true });
      expect(existsSync(stateDirectory)).toBe(false);
    });

    test('a session finds the agent that it was opened for, whichever the sandbox was made with', async () => {
      const name = await running();
      const { path } = specOf(['/bin/true']).agent;
      const agent = { digest: 'another', path };
      const raw = await adapter.exec(name, { argv: ['/.sandbox/another/agent', 'version'], agent });
      expect(await outputOf(raw)).toMatchObject({ exitCode: 0, stderr: '' });
    });

    test('what a program left that was killed goes with the next look', async () => {
      const stateDirectory = temporary();
      const gone = `draft-${2 ** 22 + 1}-1-0123456789ab`;
      mkdirSync(join(stateDirectory, gone));
      const cgroups = isRoot ? globSync('/sys/fs/cgroup/*/sandbox') : [];
      const left = [...cgroups.map((parent) => join(parent, gone)), join(stateDirectory, gone)];
      for (const path of left) mkdirSync(path, { recursive: true });
      await createAdapter({ stateDirectory }).list();
      expect(left.filter((path) => existsSync(path))).toEqual([]);
    });

    test('what a trial left that was killed goes with the next one, unless it is somebody else’s', async () => {
      const [gone, theirs] = ['0', '1'].map((digit) =>
        join(tmpdir(), `sandboxjail-${2 ** 22 + 1}-1-${digit}${randomBytes(6).toString('hex').slice(1)}`),
      ) as [string, string];
      onTestFinished(() => rmSync(theirs, { recursive: true, force: true }));
      mkdirSync(join(gone, 'jail'), { recursive: true });
      if (isRoot) mkdirSync(theirs);
      if (isRoot) chownSync(theirs, 1000, 1000);
      await createAdapter().probe();
      expect([gone, theirs].map((path) => existsSync(path))).toEqual([false, isRoot]);
      expect(
        readdirSync(tmpdir()).filter(
          (name) => name.startsWith(`sandboxjail.`) && name.includes(`.${process.pid}.`),
        ),
      ).toEqual([]);
    });

    test.runIf(isRoot || canRead(import.meta.filename))(
      'is looked at while other programs remove theirs',
      async () => {
        const stateDirectory = temporary();
        const own = createAdapter({ stateDirectory });
        const words = [look, tested.module, tested.factory, stateDirectory, '3000'];
        const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
        const [said, ended] = [text(child.stderr), once(child, 'exit')];
        child.stdout.resume();
        while (child.exitCode === null && child.signalCode === null) await runScript(own, 'true');
        expect([await said, await ended]).toEqual(['', [0, null]]);
      },
    );

    test.runIf(isRoot)(
      'what runs for a program in another namespace of processes is left alone',
      async () => {
        const stateDirectory = temporary();
        const own = createAdapter({ stateDirectory });
        const spec = specOf(['/bin/sh', '-c', 'echo up; cat; echo end']);
        await own.create(spec);
        const raw = await own.start(spec.name, { attach: true });
        await untilLine(raw, 'up');
        const kept = specOf(['/bin/sh'], { lifecycle: 'long-lived' });
        await own.create(kept);
        await own.start(kept.name);
        const session = await own.exec(kept.name, { argv: ['/bin/sh', '-c', 'echo up; cat; echo end'] });
        await untilLine(session, 'up');
        const words = ['--pid', '--fork', '--mount-proc', process.execPath, look];
        const { stdout, stderr } = spawnSync(
          'unshare',
          [...words, tested.module, tested.factory, stateDirectory],
          { encoding: 'utf8', timeout: 60_000 },
        );
        expect({ seen: JSON.parse(stdout || 'null'), stderr }).toEqual({
          ...{ seen: expect.arrayContaining([{ name: spec.name, sessions: 0 }]), stderr: '' },
        });
        expect(JSON.parse(stdout)).toContainEqual({ name: kept.name, sessions: 1 });
        expect((await own.list()).map(({ name }) => name).sort()).toEqual([spec.name, kept.name].sort());
        for (const one of [raw, session])
          expect(await outputOf(one)).toMatchObject({ stdout: 'end\n', exitCode: 0 });
        await own.remove(kept.name);
      },
    );

    test('a graceful stop asks the program first', async () => {
      const script = 'trap "echo asked; exit 0" TERM; echo up; while :; do sleep 0.05; done';
      const spec = specOf(['/bin/sh', '-c', script]);
      await adapter.create(spec);
      const raw = await adapter.start(spec.name, { attach: true });
      await untilLine(raw, 'up');
      await Promise.all([untilLine(raw, 'asked'), adapter.stop(spec.name, { graceMs: 5_000 })]);
      await expect(adapter.inspect(spec.name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('a session that meets the removal of its sandbox is told of that, and nothing of it runs on', async () => {
      const mark = `96${Math.floor(Math.random() * 1e9)}`;
      const codes = new Set<string>();
      for (let round = 0; round < 40; round += 1) {
        const spec = specOf(['/bin/sh'], { lifecycle: 'long-lived' });
        await adapter.create(spec);
        await adapter.start(spec.name);
        const { agent } = spec;
        const removal = sleep(round / 10).then(() => adapter.remove(spec.name));
        const session = adapter.exec(spec.name, { argv: ['/bin/sleep', mark], agent }).then(
          (raw) => outputOf(raw).then(() => 'ended'),
          (error: { code: string }) => error.code,
        );
        await removal;
        codes.add(await session);
      }
      expect(
        [...codes].filter((code) => !['ended', 'NOT_FOUND', 'FAILED_PRECONDITION'].includes(code)),
      ).toEqual([]);
      expect(processesWith(mark)).toEqual([]);
    });

    test('a started ephemeral sandbox is not started again', async () => {
      const spec = specOf(['/bin/sh', '-c', 'echo up; exec cat']);
      await adapter.create(spec);
      const raw = await adapter.start(spec.name, { attach: true });
      await untilLine(raw, 'up');
      await expect(adapter.start(spec.name, { attach: true })).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
      });
      await adapter.remove(spec.name);
    });

    test('64 at once', async () => {
      const outputs = await Promise.all(
        Array.from({ length: 64 }, (_, index) => runScript(adapter, `echo ${index}`)),
      );
      expect(outputs.map(({ stdout }) => stdout)).toEqual(outputs.map((_, index) => `${index}\n`));
    });
  });
}
