import { describe, expect, it } from 'vitest';
import { programError } from './errors.ts';

describe('programError', () => {
  it.each([
    ['Error: get failed: container X not found', 'NOT_FOUND'],
    ['Error: container not found: X, Y', 'NOT_FOUND'],
    [
      'Error: internalError: "failed to stop container" (cause: "notFound: "container with ID X not found"")',
      'NOT_FOUND',
    ],
    ['Error: image not found: nosuch:1', 'NOT_FOUND'],
    ['Error: image not found: docker.io/library/connect-forbidden:403', 'NOT_FOUND'],
    ['Error: failed to find target executable nosuch', 'NOT_FOUND'],
    ['Error: container X is not running', 'FAILED_PRECONDITION'],
    ['Error: attach is currently unsupported on already running containers', 'FAILED_PRECONDITION'],
    [
      'Error: internalError: "failed to delete container" (cause: "invalidState: "container X is running and can not be deleted"")',
      'FAILED_PRECONDITION',
    ],
    ['Error: delete failed for one or more volumes: ["v"]', 'FAILED_PRECONDITION'],
    ['Error: container already exists: X', 'ALREADY_EXISTS'],
    ['Error: hostname(s) already exist: ["X"]', 'ALREADY_EXISTS'],
    ['Error: minimum memory amount allowed is 200 MiB (got 0 bytes)', 'UNSUPPORTED'],
    ["Error: Unknown option '--pids-limit'\nUsage: container run", 'INVALID_ARGUMENT'],
    [
      'Error: internalError: "failed to list containers" (cause: "interrupted: "XPC connection error: Connection invalid"")',
      'UNAVAILABLE',
    ],
    ['Error: XPC timeout for request to com.apple.container.apiserver/containerList', 'UNAVAILABLE'],
    ["Warning: something\nError: mount source path 'P' does not exist", 'NOT_FOUND'],
    ['', 'UNKNOWN'],
  ])('%s', (stderr, code) => {
    const error = programError(new Error('it ended with 1'), stderr);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/./) });
    expect(error.message).not.toContain('Error: ');
  });
});
