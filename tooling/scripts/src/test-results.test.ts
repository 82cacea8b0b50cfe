import { describe, expect, it } from 'vitest';
import { inWords, readGo, readVitest, sum } from './test-results.mjs';

const vitestFile = (name: string, status: string, ...statuses: string[]) => ({
  name,
  status,
  assertionResults: statuses.map((one) => ({ status: one })),
});

describe('readVitest', () => {
  it('counts tests, and says in which files some were skipped', () => {
    const json = JSON.stringify({
      testResults: [
        vitestFile('a.test.ts', 'passed', 'passed', 'pending', 'todo'),
        vitestFile('b.test.ts', 'failed', 'passed', 'failed', 'skipped'),
      ],
    });
    const counts = readVitest(json);
    expect(counts).toMatchObject({ passed: 2, failed: 1, skipped: 3 });
    expect([...counts.skippedIn]).toEqual([
      ['a.test.ts', 2],
      ['b.test.ts', 1],
    ]);
  });

  it('counts a file that could not be loaded as one failure', () => {
    const json = JSON.stringify({ testResults: [vitestFile('broken.test.ts', 'failed')] });
    expect(readVitest(json)).toMatchObject({ passed: 0, failed: 1 });
  });
});

describe('readGo', () => {
  const lines = (...events: object[]) => events.map((event) => JSON.stringify(event)).join('\n');

  it('counts tests and not packages', () => {
    const output = lines(
      { Action: 'output', Test: 'TestA', Output: '--- PASS: TestA\n' },
      { Action: 'pass', Test: 'TestA' },
      { Action: 'skip', Test: 'TestB' },
      { Action: 'fail', Test: 'TestC' },
      { Action: 'fail' },
    );
    expect(readGo(output)).toEqual({ passed: 1, failed: 1, skipped: 1, text: '--- PASS: TestA\n' });
  });

  it('counts a package that does not compile as one failure, and keeps what the compiler said', () => {
    const output = `./main.go:3:1: syntax error\n${lines({ Action: 'fail' })}`;
    expect(readGo(output)).toEqual({
      passed: 0,
      failed: 1,
      skipped: 0,
      text: './main.go:3:1: syntax error\n',
    });
  });
});

it('sums and words the counts', () => {
  const total = sum([
    { passed: 1, failed: 0, skipped: 2 },
    { passed: 10, failed: 3, skipped: 0 },
  ]);
  expect(inWords(total)).toBe('11 passed, 3 failed, 2 skipped');
});
