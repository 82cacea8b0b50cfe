import { defineGroup } from '../harness/case.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';

const slow = { timeoutMs: 120_000 } as const;

export const concurrency = defineGroup<SandboxContext>('concurrency', 'many at once', (test) => {
  test(
    'twenty-sandboxes',
    'twenty sandboxes at once give their own results, and are gone',
    slow,
    async (t) => {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_unused, index) => t.runSh(`echo ${index}; exit ${index}`)),
      );
      t.expect(results.map(({ stdout, exitCode }) => `${stdout.trim()} ${exitCode}`)).toEqual(
        results.map((_unused, index) => `${index} ${index}`),
      );
      const left = (await t.sandboxes.list()).map(({ name }) => name);
      t.expect(results.filter(({ sandbox }) => left.includes(sandbox)).length).toBe(0);
    },
  );

  test('fifty-commands', 'fifty commands at once in one sandbox do not mix', slow, async (t) => {
    const box = await t.box();
    const results = await Promise.all(
      Array.from({ length: 50 }, (_unused, index) =>
        box.exec(['sh', '-c', `echo out ${index}; cat; echo err ${index} >&2; exit ${index}`], {
          stdin: `in ${index}\n`,
        }),
      ),
    );
    results.forEach(({ stdout, stderr, exitCode }, index) => {
      t.expect([stdout, stderr, exitCode]).toEqual([`out ${index}\nin ${index}\n`, `err ${index}\n`, index]);
    });
  });

  test('two-hundred-commands', 'two hundred commands, sixteen at a time, all end right', slow, async (t) => {
    const box = await t.box();
    let next = 0;
    const wrong: string[] = [];
    const worker = async () => {
      for (let index = next++; index < 200; index = next++) {
        const { stdout, ending } = await box.exec(['echo', `${index}`]);
        if (stdout !== `${index}\n`) wrong.push(`${index}: ${ending} ${stdout}`);
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    t.expect(wrong).toEqual([]);
  });

  test('streams-at-once', 'ten large outputs at once arrive whole', slow, async (t) => {
    const box = await t.box();
    const results = await Promise.all(
      Array.from({ length: 10 }, () => box.exec(['head', '-c', '4000000', '/dev/zero'])),
    );
    t.expect(results.map(({ stdoutLength }) => stdoutLength)).toEqual(results.map(() => 4_000_000));
  });

  test('files-at-once', 'a hundred files at once are written and read right', slow, async (t) => {
    const [box, place] = [await t.box(), await t.directory()];
    const names = Array.from({ length: 100 }, (_unused, index) => `${place}/${index}`);
    await Promise.all(names.map((name) => box.files.write(name, name.repeat(100))));
    const read = await Promise.all(names.map((name) => box.files.readText(name)));
    t.expect(read).toEqual(names.map((name) => name.repeat(100)));
  });

  test(
    'killed-at-once',
    'twenty commands killed at once all end, and their sandbox goes on',
    slow,
    async (t) => {
      const box = await t.box();
      const results = await Promise.all(
        Array.from({ length: 20 }, () => box.exec(['sh', '-c', 'sleep 600 & wait'], { timeoutMs: 500 })),
      );
      t.expect(results.map(({ ending }) => ending)).toEqual(results.map(() => 'timed-out'));
      t.expect((await box.exec(['echo', 'on'])).stdout).toBe('on\n');
    },
  );

  test('made-and-removed', 'sandboxes are made and removed beside each other', slow, async (t) => {
    const boxes = await Promise.all(Array.from({ length: 8 }, () => t.own()));
    t.expect(new Set(boxes.map(({ name }) => name)).size).toBe(8);
    await Promise.all(boxes.slice(0, 4).map((box) => box.remove()));
    const alive = await Promise.all(boxes.slice(4).map((box) => box.exec(['echo', 'on'])));
    t.expect(alive.map(({ stdout }) => stdout)).toEqual(['on\n', 'on\n', 'on\n', 'on\n']);
  });
});
