import { defineGroup } from '../harness/case.ts';

const MiB = 1024 * 1024;
const slow = 60_000;

/** Every hog here has an end of its own: on a runtime that wrongly lets it run, it costs the host no more than this. */
export const limits = defineGroup('limits', 'each limit bites, seen from inside', (test) => {
  test(
    'memory-hog',
    'a process that takes more memory than the limit is killed',
    { controls: ['memory'], timeoutMs: slow },
    async (t) => {
      const { stdout } = await t.run(
        'dd if=/dev/zero of=/dev/null bs=512M count=1 2>/dev/null; echo "end $?"',
        {
          limits: { memoryBytes: 256 * MiB },
        },
      );
      t.expect(stdout).not.toContain('end 0');
    },
  );

  test(
    'memory-enough',
    'a process that stays below it is not',
    { controls: ['memory'], timeoutMs: slow },
    async (t) => {
      const { stdout } = await t.run(
        'dd if=/dev/zero of=/dev/null bs=96M count=1 2>/dev/null; echo "end $?"',
        {
          limits: { memoryBytes: 256 * MiB },
        },
      );
      t.expect(stdout).toBe('end 0\n');
    },
  );

  test(
    'memory-together',
    'the limit is for all processes together',
    { controls: ['memory'], timeoutMs: slow },
    async (t) => {
      // Each dd holds its block until its reader wakes up.
      const script = `for i in 1 2 3 4 5 6; do
        { dd if=/dev/zero bs=96M count=1 2>/dev/null; echo "dd $?" >&2; } | { sleep 1; cat >/dev/null; } &
      done; wait`;
      const { stderr } = await t.run(script, { limits: { memoryBytes: 256 * MiB } });
      t.expect(stderr.split('\n').filter((line) => line === 'dd 0').length).toBeLessThanOrEqual(5);
    },
  );

  test('memory-no-swap', 'the limit counts swap too', { controls: ['memory'] }, async (t) => {
    const { readback } = await t.create({ limits: { memoryBytes: 256 * MiB } });
    t.expect(readback.find((row) => row.control === 'memory')?.effective).toBe(256 * MiB);
  });

  test('pids-bomb', 'a fork bomb stops at the limit', { controls: ['pids'], timeoutMs: slow }, async (t) => {
    const { stdout } = await t.run('for i in $(seq 300); do sleep 5 & echo $i; done 2>/dev/null; echo over', {
      limits: { pids: 64 },
    });
    const forked = stdout.split('\n').filter((line) => /^\d+$/.test(line)).length;
    t.expect(forked).toBeLessThanOrEqual(64);
    t.expect(forked).toBeGreaterThanOrEqual(16);
  });

  test(
    'pids-per-sandbox',
    'the limit is for each sandbox alone',
    { controls: ['pids'], timeoutMs: slow },
    async (t) => {
      const script = 'for i in $(seq 40); do sleep 2 & done; echo forked; wait';
      const both = await Promise.all([1, 2].map(() => t.run(script, { limits: { pids: 64 } })));
      t.expect(both.map(({ stdout }) => stdout)).toEqual(['forked\n', 'forked\n']);
    },
  );

  test(
    'cpus-throttled',
    'half a processor is half a processor',
    { controls: ['cpus'], timeoutMs: slow },
    async (t) => {
      const { stdout } = await t.run(
        `(while :; do :; done) & one=$!; (while :; do :; done) & two=$!
       sleep 3; cat /proc/$one/stat /proc/$two/stat; kill $one $two`,
        { limits: { cpus: 0.5 } },
      );
      const ticks = stdout
        .trim()
        .split('\n')
        .map((line) => {
          const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
          return Number(fields[11]) + Number(fields[12]);
        });
      // 3 s at half a processor: 1.5 s. Two loops without a limit take between 3 and 6.
      t.expect(ticks.reduce((sum, one) => sum + one, 0) / 100).toBeLessThanOrEqual(2.3);
    },
  );

  test(
    'open-files-bite',
    'a process cannot open more files than the limit',
    { controls: ['open-files'] },
    async (t) => {
      const { stdout } = await t.run(
        'ulimit -Hn; ulimit -Sn; tee $(seq 1 100) </dev/null >/dev/null 2>errors && echo opened; grep -c "Too many open files" errors | grep -qv "^0$" && echo refused',
        { limits: { openFiles: 64 } },
      );
      t.expect(stdout).toBe('64\n64\nrefused\n');
    },
  );

  test('open-files-not-raised', 'it cannot raise that limit', { controls: ['open-files'] }, async (t) => {
    const { stdout } = await t.run('(ulimit -n 128) 2>/dev/null && echo raised || echo refused', {
      limits: { openFiles: 64 },
    });
    t.expect(stdout).toBe('refused\n');
  });

  test('file-size-bites', 'a file cannot grow past the limit', { controls: ['file-size'] }, async (t) => {
    const { stdout } = await t.run(
      'dd if=/dev/zero of=large bs=64k count=64 2>/dev/null; echo "end $?"; stat -c %s large',
      { limits: { fileSizeBytes: MiB } },
    );
    const [end, size] = stdout.trim().split('\n');
    t.expect(end).not.toBe('end 0');
    t.expect(Number(size)).toBeLessThanOrEqual(MiB);
    t.expect(Number(size)).toBeGreaterThanOrEqual(MiB / 2);
  });

  test('file-size-below', 'a file below the limit is written', { controls: ['file-size'] }, async (t) => {
    const { stdout } = await t.run('head -c 1000000 /dev/zero > small; echo "end $?"', {
      limits: { fileSizeBytes: MiB },
    });
    t.expect(stdout).toBe('end 0\n');
  });

  test(
    'disk-full',
    'the root file system cannot grow past its limit',
    { controls: ['disk'], timeoutMs: slow },
    async (t) => {
      const { stdout } = await t.run('head -c 128M /dev/zero > /tmp/large 2>/dev/null; echo "end $?"', {
        limits: { diskBytes: 64 * MiB },
      });
      t.expect(stdout).not.toContain('end 0');
    },
  );

  test(
    'tmpfs-full',
    'a tmpfs holds what it was given, and no more',
    { controls: ['tmpfs-size'] },
    async (t) => {
      const { stdout } = await t.run(
        'cd /scratch && head -c 2M /dev/zero > ok && echo fits; head -c 8M /dev/zero > large 2>/dev/null || echo full',
        { mounts: [{ ...t.tmpfs, target: '/scratch', sizeBytes: 4 * MiB }] },
      );
      t.expect(stdout).toBe('fits\nfull\n');
    },
  );

  test('none-asked', 'without limits asked for, none is in the way of ordinary work', async (t) => {
    const { stdout } = await t.run(
      'for i in $(seq 50); do sleep 1 & done; head -c 20M /dev/zero > file && stat -c %s file; wait',
    );
    t.expect(stdout).toBe(`${20 * MiB}\n`);
  });

  test('all-at-once', 'all limits that the runtime has hold together', { timeoutMs: slow }, async (t) => {
    const has = (control: 'memory' | 'pids' | 'open-files' | 'file-size' | 'cpus') =>
      t.probe.capabilities.controls[control].support === 'enforced';
    const { stdout } = await t.run('ulimit -Hn; ulimit -Hf; echo works', {
      limits: {
        memoryBytes: has('memory') ? 256 * MiB : null,
        pids: has('pids') ? 64 : null,
        openFiles: has('open-files') ? 256 : null,
        fileSizeBytes: has('file-size') ? 64 * MiB : null,
        cpus: has('cpus') ? 1 : null,
      },
    });
    const [files, size, works] = stdout.split('\n');
    t.expect(works).toBe('works');
    if (has('open-files')) t.expect(files).toBe('256');
    // The shell counts in blocks of 512 bytes.
    if (has('file-size')) t.expect(size).toBe(String((64 * MiB) / 512));
  });
});
