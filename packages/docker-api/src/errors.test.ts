import { SandboxError } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { testDialect } from './dialect.fixture.ts';
import { deadlineError, saysBusy, saysGone, toSandboxError } from './errors.ts';

const context = { dialect: testDialect, operation: 'create', sandbox: 'box', endpoint: 'unix:///s' };
const answer = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${message} `), { statusCode });
const failure = (code: string) => Object.assign(new Error(`connect ${code} /s`), { code });

describe('toSandboxError', () => {
  it.each([
    [404, 'No such image: debian:nope', 'NOT_FOUND'],
    [404, 'No such container: abc', 'NOT_FOUND'],
    [
      409,
      'Conflict. The container name "/x" is already in use by container "abc". You have to remove',
      'ALREADY_EXISTS',
    ],
    [400, 'invalid mount config for type "bind": bind source path does not exist: /nope', 'NOT_FOUND'],
    [409, 'Container abc is not running', 'FAILED_PRECONDITION'],
    [
      409,
      'conflict: unable to remove repository reference "x" (must force) - container abc is using its referenced image',
      'FAILED_PRECONDITION',
    ],
    [409, 'remove vol: volume is in use - [abc]', 'FAILED_PRECONDITION'],
    [500, 'mkdir /var/lib/docker/overlay2/x: no space left on device', 'RESOURCE_EXHAUSTED'],
    [500, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option", 'UNSUPPORTED'],
    [
      400,
      'OCI runtime create failed: error setting rlimit type 7: operation not permitted: unknown',
      'UNSUPPORTED',
    ],
    [400, 'unknown or invalid runtime name: kata', 'FAILED_PRECONDITION'],
    [
      400,
      'failed to create shim task: OCI runtime create failed: error mounting "tmpfs" to rootfs at "/proc/y"',
      'FAILED_PRECONDITION',
    ],
    [
      400,
      'OCI runtime create failed: exec: "nope": executable file not found in $PATH: unknown',
      'NOT_FOUND',
    ],
    [
      500,
      'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
      'UNAVAILABLE',
    ],
    [404, "pull access denied for x, repository does not exist or may require 'docker login'", 'NOT_FOUND'],
    [500, 'unauthorized: authentication required', 'PERMISSION_DENIED'],
    [400, 'dockerfile parse error line 1: unknown instruction: FRMO', 'INVALID_ARGUMENT'],
    [500, "The command '/bin/sh -c false' returned a non-zero code: 1", 'FAILED_PRECONDITION'],
    [400, 'something is wrong', 'INVALID_ARGUMENT'],
    [501, 'not here', 'UNSUPPORTED'],
    [503, 'later', 'UNAVAILABLE'],
    [500, 'who knows', 'UNKNOWN'],
  ])('%i %s is %s', (status, message, code) => {
    const error = toSandboxError(answer(status, message), context);
    expect(error).toMatchObject({ code, runtime: 'test', operation: 'create', sandbox: 'box' });
    expect(error.message).toBe(message);
  });

  it.each([
    ['EACCES', 'PERMISSION_DENIED'],
    ['ENOENT', 'UNAVAILABLE'],
    ['ECONNREFUSED', 'UNAVAILABLE'],
    ['ECONNRESET', 'UNAVAILABLE'],
    ['CERT_HAS_EXPIRED', 'UNAVAILABLE'],
    ['EWHATEVER', 'UNKNOWN'],
  ])('%s is %s', (errno, code) => {
    expect(toSandboxError(failure(errno), context).code).toBe(code);
  });

  it('names the endpoint, and says what to do', () => {
    const error = toSandboxError(failure('EACCES'), context);
    expect(error.message).toContain('unix:///s');
    expect(error.hint).toBe(testDialect.permissionHint);
    expect(toSandboxError(answer(404, 'No such image: x:1'), context).hint).toBe(
      'pull it first: test pull x:1',
    );
  });

  it('leaves our own errors alone', () => {
    const own = new SandboxError('UNSUPPORTED', 'no');
    expect(toSandboxError(own, context)).toBe(own);
  });
});

describe('deadlineError', () => {
  it('tells a hung engine from a caller who gave up', () => {
    expect(deadlineError(context, 'timeout', 50)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(deadlineError(context, 'timeout', 50).message).toContain('50 ms');
    expect(deadlineError(context, 'aborted', 50).message).toBe('create was aborted');
  });
});

describe('what is gone', () => {
  it('is a 404, and the 500 of an engine that is removing it', () => {
    expect(saysGone(answer(404, 'anything'))).toBe(true);
    expect(saysGone(answer(500, 'no such container'))).toBe(true);
    expect(saysGone(answer(500, 'who knows'))).toBe(false);
    expect(saysGone(toSandboxError(answer(404, 'x'), context))).toBe(true);
    expect(saysGone(failure('ENOENT'))).toBe(false);
  });

  it('is not gone yet while somebody removes it', () => {
    expect(saysBusy(answer(409, 'removal of container abc is already in progress'))).toBe(true);
    expect(saysBusy(answer(500, 'container state improper'))).toBe(true);
    expect(saysBusy(answer(409, 'is not running'))).toBe(false);
  });
});
