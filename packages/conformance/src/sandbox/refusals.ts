import { dirname, join } from 'node:path';
import type { Control, PolicyInput } from '@sandbox/core';
import { defineGroup } from '../harness/case.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

const MiB = 1024 * 1024;

/** What of a policy asks for a control. */
const asks: Readonly<Partial<Record<Control, PolicyInput>>> = {
  memory: { memoryBytes: 256 * MiB },
  cpus: { cpus: 1 },
  pids: { pids: 100 },
  'open-files': { openFiles: 512 },
  'file-size': { fileSizeBytes: 8 * MiB },
  disk: { diskBytes: 256 * MiB },
  'tmpfs-size': { tmpfsBytes: 16 * MiB },
  'read-only-root': { profile: 'strict' },
  'network-none': { network: 'none' },
  'network-full': { network: 'full' },
};

export const refusals = defineGroup<SandboxContext>(
  'refusals',
  'what cannot be is refused, by name',
  (test) => {
    test(
      'without-namespaces',
      'without namespaces of its own there is no sandbox: UNSUPPORTED, by name',
      { always: true },
      async (t) => {
        const { support } = t.probe.capabilities.controls.namespaces;
        if (support === 'unsupported') {
          const error = await t.refused(
            'UNSUPPORTED',
            t.sandboxes.run(['true'], { policy: { network: 'full' } }),
          );
          t.expect(error.message).toContain('namespaces');
        } else t.expect((await t.sandboxes.run(['true'])).exitCode).toBe(0);
      },
    );

    for (const [control, policy] of Object.entries(asks) as [Control, PolicyInput][]) {
      test(
        control,
        `${control}: what was asked for holds and is reported, or is UNSUPPORTED by name`,
        async (t) => {
          const { support } = t.probe.capabilities.controls[control];
          const attempt = t.runSh('echo ran', { policy });
          if (support === 'unsupported') {
            t.expect((await t.refused('UNSUPPORTED', attempt)).message).toContain(control);
            return;
          }
          const outcome = await attempt.catch(async (error: unknown) => {
            if (support === 'enforced') throw error;
            return (await t.refused('UNSUPPORTED', Promise.reject(error))).message;
          });
          if (typeof outcome === 'string') t.expect(outcome).toContain(control);
          else t.expect([outcome.stdout, outcome.enforcement[control]?.status]).toEqual(['ran\n', support]);
        },
      );

      // A network of none is never left to best effort; what full falls back to is another case.
      if (control === 'network-none' || control === 'network-full') continue;
      test(
        `best-effort-${control}`,
        `${control}: left to best effort, it goes without where it must, with a warning`,
        { refusalOf: control },
        async (t) => {
          const { stdout, warnings, enforcement } = await t.runSh('echo ran', {
            policy: { ...policy, bestEffort: [control] },
          });
          t.expect([stdout, enforcement[control]?.status]).toEqual(['ran\n', 'unsupported']);
          t.expect(warnings.join(' ')).toContain(control);
        },
      );
    }

    for (const [id, command] of [
      ['empty-command', []],
      ['nul-in-command', ['echo', 'a\0b']],
      ['empty-program', ['']],
    ] as const) {
      test(id, `${id.replaceAll('-', ' ')} is INVALID_ARGUMENT`, async (t) => {
        await t.refused('INVALID_ARGUMENT', (await t.box()).exec(command));
        await t.refused('INVALID_ARGUMENT', t.sandboxes.run(command));
      });
    }

    for (const [id, env] of [
      ['equal-sign', { 'A=B': 'c' }],
      ['nul', { A: 'b\0c' }],
      ['empty-name', { '': 'x' }],
    ] as const) {
      test(`env-${id}`, `a variable with ${id.replaceAll('-', ' ')} is INVALID_ARGUMENT`, async (t) => {
        await t.refused('INVALID_ARGUMENT', (await t.box()).exec(['true'], { env }));
      });
    }

    test('bad-timeout', 'a timeout that is none is INVALID_ARGUMENT', async (t) => {
      for (const timeoutMs of [-1, Number.NaN]) {
        await t.refused('INVALID_ARGUMENT', (await t.box()).exec(['true'], { timeoutMs }));
      }
    });

    test('bad-signal', 'a signal that does not exist is INVALID_ARGUMENT', async (t) => {
      const command = await (await t.box()).spawn(['sleep', '60']);
      await t.refused('INVALID_ARGUMENT', command.signal('SIGNOTHING'));
      await command.kill();
    });

    test('bad-policy', 'a policy that cannot be is INVALID_ARGUMENT, and names the key', async (t) => {
      const error = await t.refused(
        'INVALID_ARGUMENT',
        t.sandboxes.run(['true'], { policy: { memoryBytes: -5 } }),
      );
      t.expect(error.message).toMatch(/memory/i);
    });

    test('get-missing', 'a name that nobody has is NOT_FOUND', async (t) => {
      await t.refused('NOT_FOUND', t.sandboxes.get('sandbox-nobody'));
    });

    test(
      'image-missing',
      'an image that is not there and is not pulled is NOT_FOUND',
      { facets: ['images'] },
      async (t) => {
        await t.refused(
          'NOT_FOUND',
          t.sandboxes.run(['true'], { image: 'sandbox.invalid/no/such:image', pull: 'never' }),
        );
      },
    );

    test(
      'root-refused',
      'a command as root is refused where the sandbox may not be entered so',
      { facets: ['long-lived'] },
      async (t) => {
        const box = await t.opened({ workspaceAccess: 'none' });
        await t.refusedWith(
          ['FAILED_PRECONDITION', 'UNSUPPORTED', 'PERMISSION_DENIED'],
          box.exec(['id', '-u'], { user: '0' }),
        );
      },
    );

    test('workspace-missing', 'a workspace that is not there is refused', async (t) => {
      const workspace = join(await t.hostDirectory(), 'no');
      await t.refusedWith(['NOT_FOUND', 'INVALID_ARGUMENT'], t.sandboxes.run(['true'], { workspace }));
    });

    test('workspace-root', 'the root of the host is no workspace', async (t) => {
      await t.refusedWith(
        ['FAILED_PRECONDITION', 'INVALID_ARGUMENT'],
        t.sandboxes.run(['true'], { workspace: '/' }),
      );
    });

    test('workspace-proc', 'nor are /proc, /sys and /dev', async (t) => {
      for (const workspace of ['/proc', '/sys', '/dev', '/dev/shm']) {
        await t.refusedWith(
          ['FAILED_PRECONDITION', 'INVALID_ARGUMENT'],
          t.sandboxes.run(['true'], { workspace }),
        );
      }
    });

    test('workspace-engine', "nor is a directory that holds the engine's socket", async (t) => {
      const socket = /^unix:\/\/(\/.+)$/.exec(t.probe.endpoint ?? '')?.[1];
      if (socket === undefined) return;
      const attempt = t.sandboxes.run(['true'], {
        workspace: dirname(socket),
        policy: { workspaceAccess: 'ro' },
      });
      await t.refused('FAILED_PRECONDITION', attempt);
    });

    test(
      'workspace-of-root',
      'a workspace that root owns is not entered to write',
      { controls: ['workspace-access'] },
      async (t) => {
        if (process.getuid?.() !== 0) return;
        const workspace = await t.hostDirectory();
        await t.refused('FAILED_PRECONDITION', t.sandboxes.run(['true'], { workspace }));
      },
    );

    test('closed', 'a closed manager refuses work', async (t) => {
      const manager = t.manager();
      await manager.close();
      await t.refused('FAILED_PRECONDITION', manager.run(['true']));
    });

    test('aborted', 'a run whose signal has fired starts nothing', async (t) => {
      const outcome = await t.sandboxes.run(['true'], { signal: AbortSignal.abort() }).then(
        ({ ending }) => ending,
        (error: { code?: string }) => error.code,
      );
      t.expect(['aborted', 'DEADLINE_EXCEEDED']).toContain(outcome);
    });
  },
);
