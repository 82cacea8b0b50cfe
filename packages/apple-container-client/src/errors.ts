import { type ErrorCode, SandboxError } from '@sandbox/core';

export const RUNTIME = 'apple-container';

/** Where the program comes from, and how its services are started. */
export const INSTALL =
  'on macOS 26 with Apple silicon, install it from https://github.com/apple/container/releases';
export const START = 'container system start --enable-kernel-install';

/** What the program's words mean; the first that fits. Whole lines change from release to release. */
const WORDS: readonly (readonly [RegExp, ErrorCode, string?])[] = [
  [/^(?:image|container|volume) not found: |^get failed: |^image with reference |"notFound: /, 'NOT_FOUND'],
  [/^spawn .*ENOENT$/, 'UNAVAILABLE', INSTALL],
  [/^spawn .*EACCES$/, 'PERMISSION_DENIED', 'make the program executable'],
  [/^spawn .*E2BIG$/, 'INVALID_ARGUMENT', 'shorten the command or its environment'],
  [/XPC connection error|Plugins are unavailable/, 'UNAVAILABLE', `start its services: \`${START}\``],
  [/XPC timeout/, 'UNAVAILABLE', 'its service hangs: `container system stop`, then `container system start`'],
  [/already exists?\b/, 'ALREADY_EXISTS'],
  [/is not running|no runtime client exists|currently unsupported on already running/, 'FAILED_PRECONDITION'],
  [/can not be deleted|currently in use|delete failed for one or more volumes/, 'FAILED_PRECONDITION'],
  [/No space left|ENOSPC|out of memory/i, 'RESOURCE_EXHAUSTED', 'free some disk: `container system df`'],
  [
    /\b40[13]\b|unauthorized|forbidden|access denied|denied:/i,
    'PERMISSION_DENIED',
    'use `container registry login`',
  ],
  [/resolve|lookup|dial|connect|NIO|unreachable|timed? ?out|server misbehaving|TLS/i, 'UNAVAILABLE'],
  [/not found|no such|does not exist|failed to find target|\b404\b/i, 'NOT_FOUND'],
  [/minimum memory|unsupported|not supported|requires macOS/i, 'UNSUPPORTED'],
  [/invalid|Unknown option|Missing|Unexpected argument/i, 'INVALID_ARGUMENT'],
];

/** A failure of the program by what it said last, or of starting it by what the system said. */
export function programError(cause: Error, stderr: string): SandboxError {
  const said = stderr.slice(stderr.lastIndexOf('Error: ')).trim();
  const message = said.replace(/^Error: /, '') || cause.message;
  const [, code = 'UNKNOWN', hint] = WORDS.find(([pattern]) => pattern.test(message)) ?? [];
  return new SandboxError(code, message, { hint, cause });
}

/** For a call that has come to what it wanted also where it met this. */
export function unless(...codes: ErrorCode[]): (error: unknown) => undefined {
  return (error) => {
    if (!SandboxError.is(error) || !codes.includes(error.code)) throw error;
    return undefined;
  };
}
