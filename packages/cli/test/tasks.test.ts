import { describe, expect, it } from 'vitest';
import { type KeptSandboxes, keptSandboxes } from './kept-sandboxes.ts';

// A guest of a project is neither this user nor root.
const isRoot = process.getuid?.() === 0;

const exec = (kept: KeptSandboxes, project: string, task: string, script: string) => {
  // The reference adapter has no read-only root, which a task insists on.
  const relaxed = ['--best-effort', 'read-only-root', '--timeout', '20s'];
  const words = ['--project', project, '--task', task, ...relaxed, '--', 'sh', '-c', script];
  return kept.run(['exec', ...words]);
};
const projects = async (kept: KeptSandboxes) =>
  (JSON.parse((await kept.run(['volumes', 'ls', '--json'])).out) as { project: string }[]).map(
    ({ project }) => project,
  );

describe.runIf(isRoot)('tasks', () => {
  it('keep their sandbox from one command to the next, and end when told', async () => {
    await using kept = keptSandboxes();
    expect(await exec(kept, 'web', 'fix', 'echo kept > made')).toMatchObject({ exitCode: 0 });
    const again = await exec(kept, 'web', 'fix', 'cat made');
    expect(again).toMatchObject({ exitCode: 0, out: 'kept\n' });
    expect(await kept.names()).toEqual(['sandbox-web-fix']);
    // The program that made it has ended.
    await kept.run(['cleanup']);
    expect((await kept.run(['ls'])).out).toMatch(/^sandbox-web-fix .* web\/fix$/m);
    const [listed] = JSON.parse((await kept.run(['ls', '--json'])).out);
    expect(listed).toMatchObject({ project: 'web', task: 'fix', workspace: null, lifecycle: 'long-lived' });
    const end = ['task', 'end', '--project', 'web', '--task', 'fix'];
    const declined = await kept.run(['rm', 'sandbox-web-fix'], { answer: 'n\n' });
    expect(declined).toMatchObject({ exitCode: 1, err: 'remove sandbox-web-fix? [y/N] ' });
    const refused = await kept.run([...end, '--user-name', 'somebody-else']);
    expect(refused).toMatchObject({ exitCode: 125, err: expect.stringContaining('another user') });
    expect(await kept.run(end)).toEqual({ exitCode: 0, out: 'web/fix\n', err: '' });
    expect(await kept.run(end)).toEqual({ exitCode: 0, out: '', err: '' });
    expect(JSON.parse((await kept.run([...end, '--json'])).out)).toEqual({
      ...{ project: 'web', task: 'fix', ended: false },
    });
    expect(await kept.names()).toEqual([]);
    expect(await projects(kept)).toEqual(['web']);
  });

  it('are named by two ids, of which none is reserved', async () => {
    await using kept = keptSandboxes();
    expect(await kept.run(['task', 'end', '--project', 'web'])).toMatchObject({ exitCode: 2 });
    expect(await kept.run(['task', 'end', '--project', 'web', '--task', 'run'])).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('reserved'),
    });
    expect(await exec(kept, 'a/b', 'fix', 'true')).toMatchObject({ exitCode: 2 });
  });
});

describe.runIf(isRoot)('sandbox volumes', () => {
  it('removes what is asked for, and asks on a terminal', async () => {
    await using kept = keptSandboxes();
    await exec(kept, 'web', 'fix', 'true');
    const rm = ['volumes', 'rm', 'web'];
    const refused = await kept.run(rm);
    expect(refused).toMatchObject({ exitCode: 125, out: '' });
    expect(refused.err).toMatch(/in use by a task: fix\nhint: .*sandbox task end --project web --task fix/);
    await kept.run(['task', 'end', '--project', 'web', '--task', 'fix']);
    const declined = await kept.run(rm, { answer: 'n\n' });
    expect(declined).toMatchObject({ exitCode: 1, out: '', err: expect.stringContaining('project web') });
    expect(await projects(kept)).toEqual(['web']);
    expect(await kept.run(rm, { answer: 'y\n' })).toMatchObject({ exitCode: 0, out: 'web\n' });
    expect(await kept.run(rm)).toMatchObject({ exitCode: 125, err: expect.stringContaining('no volume') });
    expect(await kept.run([...rm, '-f', '--json'])).toMatchObject({ exitCode: 0 });
    expect((await kept.run(['volumes', 'ls'])).out).toBe('no volumes\n');
  });

  it('prunes what has no tasks after asking, and never unasked without a terminal', async () => {
    await using kept = keptSandboxes();
    for (const project of ['web', 'shop']) await exec(kept, project, 'fix', 'true');
    await kept.run(['task', 'end', '--project', 'shop', '--task', 'fix']);
    const prune = ['volumes', 'prune'];
    expect(await kept.run(prune)).toMatchObject({ exitCode: 2, err: expect.stringContaining('Add -f') });
    expect((await kept.run([...prune, '--dry-run'])).out).toMatch(/^would remove .* shop /);
    expect(await kept.run(prune, { answer: '\n' })).toMatchObject({ exitCode: 1, out: '' });
    expect(await projects(kept)).toEqual(['shop', 'web']);
    const asked = await kept.run(prune, { answer: 'yes\n' });
    expect(asked).toMatchObject({ exitCode: 0, err: expect.stringContaining('the volume of shop') });
    expect(await projects(kept)).toEqual(['web']);
    expect(await kept.run(prune, { answer: '' })).toMatchObject({ exitCode: 0, out: 'nothing to remove\n' });
    await kept.run(['task', 'end', '--project', 'web', '--task', 'fix']);
    const report = JSON.parse((await kept.run([...prune, '-f', '--json'])).out);
    expect(report).toMatchObject({ removed: [{ project: 'web', tasks: [] }], kept: [], failed: [] });
  });
});
