import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ephemeralName,
  homeVolumeName,
  longLivedName,
  projectVolumeName,
  slug,
  taskName,
  validateId,
  validateName,
} from './names.ts';

test.each([
  ['My Project', 'my-project'],
  ['Ünïcode_naïve', 'unicode-naive'],
  ['--a--b--', 'a-b'],
  ['日本', 'workspace'],
  ['', 'workspace'],
  ['x'.repeat(100), 'x'.repeat(30)],
  [`${'x'.repeat(29)}-y`, 'x'.repeat(29)],
])('the slug of %j is %s', (text, expected) => {
  expect(slug(text)).toBe(expected);
});

test('a workspace has one name, and another workspace another', () => {
  expect(longLivedName('/home/ann/Web App')).toBe('sandbox-web-app-1be9ee6dda8a');
  expect(longLivedName('/home/ann/web app')).not.toBe(longLivedName('/home/ann/Web App'));
});

test('every path gives a valid name, with room for the volume', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (path) => {
      const name = longLivedName(`/${path}`);
      expect(name).toMatch(/^sandbox-[a-z0-9-]+-[0-9a-f]{12}$/);
      expect(validateName(name)).toBe(name);
      expect(validateName(homeVolumeName(name))).toBe(`${name}-home`);
    }),
  );
});

test('ephemeral names are valid and do not repeat', () => {
  const names = new Set(Array.from({ length: 100 }, () => ephemeralName()));
  expect(names.size).toBe(100);
  for (const name of names) expect(name).toMatch(/^sandbox-run-[0-9a-f]{16}$/);
});

test('tasks and project volumes are named for reading', () => {
  expect(taskName('web', 'T-1')).toBe('sandbox-web-T-1');
  expect(taskName('my-app', 'fix')).toBe('sandbox-my-app-fix-393608e716b9');
  expect(projectVolumeName('web')).toBe('sandbox-project-web');
});

test.each<[[string, string], [string, string]]>([
  [
    ['a', 'b-c'],
    ['a-b', 'c'],
  ],
  // What looks like the name of the other pair, or of a workspace.
  [
    ['my', taskName('my-app', 'fix').slice('sandbox-my-'.length)],
    ['my-app', 'fix'],
  ],
  [
    ['x'.repeat(40), `${'y'.repeat(39)}1`],
    ['x'.repeat(40), `${'y'.repeat(39)}2`],
  ],
])('%j and %j have names of their own', (one, other) => {
  expect(taskName(...one)).not.toBe(taskName(...other));
});

test('no task is called what a workspace is', () => {
  const name = longLivedName('/home/ann/web');
  expect(taskName('web', name.slice('sandbox-web-'.length))).not.toBe(name);
});

test('no volume of a project is called what the home of a workspace is', () => {
  for (const workspace of ['/srv/project', '/srv/project-x']) {
    const home = homeVolumeName(longLivedName(workspace));
    const id = home.slice('sandbox-project-'.length);
    const name = validateName(projectVolumeName(id));
    expect(name).not.toBe(home);
    expect(projectVolumeName(id)).toBe(name);
    expect(name.slice('sandbox-project-'.length).length).toBeGreaterThan(40);
  }
});

const id = fc.stringMatching(/^[A-Za-z0-9_.-]{1,40}$/).filter((text) => text !== 'run' && text !== 'project');

test('every pair of ids gives a valid name of its own, the same every time', () => {
  fc.assert(
    fc.property(id, id, id, id, (project, task, otherProject, otherTask) => {
      const name = taskName(project, task);
      expect(validateName(name)).toBe(name);
      expect(taskName(project, task)).toBe(name);
      expect(validateName(projectVolumeName(project))).toBe(`sandbox-project-${project}`);
      const same = project === otherProject && task === otherTask;
      expect(taskName(otherProject, otherTask) === name).toBe(same);
    }),
  );
});

test.each(['', '-a', '.a', 'a/b', 'a b', 'a'.repeat(64), '../x', 'a\n', 'a\0'])('%j is no name', (name) => {
  expect(() => validateName(name)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test.each(['', 'run', 'project', 'a'.repeat(41), 'a/b', 'a b', 'ü'])('%j is no id', (id) => {
  expect(() => validateId(id, 'task')).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('task') }),
  );
});
