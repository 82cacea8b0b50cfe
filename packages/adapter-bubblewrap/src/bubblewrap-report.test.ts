import { describe, expect, it, test } from 'vitest';
import { isMade, jailEnd } from './bubblewrap-report.ts';

const made = '{ "child-pid": 953, "cgroup-namespace": 4026532412, "ipc-namespace": 4026532410 }\n';

test('the first process is known once it is there', () => {
  expect(isMade('')).toBe(false);
  expect(isMade(made)).toBe(true);
});

describe('jailEnd', () => {
  it.each([
    ['exit', `${made}{ "exit-code": 0 }\n`, '', { type: 'exited', exitCode: 0 }],
    ['a program’s own 1', `${made}{ "exit-code": 1 }\n`, 'bwrap: no', { type: 'exited', exitCode: 1 }],
    ['a signal', `${made}{ "exit-code": 139 }\n`, '', { type: 'exited', exitCode: 139 }],
    [
      ...[
        'a mount that failed',
        made,
        "warning\nbwrap: Can't find source path /x: No such file or directory\n",
      ],
      { type: 'failed', reason: "Can't find source path /x: No such file or directory", isMade: false },
    ],
    [
      ...['a bad option', '', '/usr/bin/bwrap: Unknown option --size\n'],
      { type: 'failed', reason: 'Unknown option --size', isMade: false },
    ],
    ['who starts it', '', 'setpriv: failed\n', { type: 'failed', reason: 'setpriv: failed', isMade: false }],
    [
      ...['a program that is not there', made, 'bwrap: execvp /no: No such file or directory\n'],
      { type: 'failed', reason: 'execvp /no: No such file or directory', isMade: true },
    ],
    ['silence', '', '', { type: 'failed', reason: 'it ended without a word', isMade: false }],
  ] as const)('%s', (_, report, said, end) => expect(jailEnd(report, said)).toEqual(end));
});
