import { type ErrorCode, SandboxError } from '@sandbox/core';
import type { EngineDialect } from './dialect.ts';

export interface EngineErrorContext {
  readonly dialect: EngineDialect;
  readonly operation: string;
  readonly sandbox?: string | undefined;
  readonly endpoint?: string | undefined;
}

interface Verdict {
  readonly code: ErrorCode;
  readonly message?: string;
  readonly hint?: string;
}

/** Any error of a call to the engine as the one error of this project. */
export function toSandboxError(error: unknown, context: EngineErrorContext): SandboxError {
  if (SandboxError.is(error)) return error;
  const status = statusOf(error);
  const text = messageOf(error);
  const verdict =
    status === undefined ? fromErrno(error, context) : (fromText(text, context) ?? fromStatus(status));
  return new SandboxError(verdict.code, verdict.message ?? text, {
    operation: context.operation,
    runtime: context.dialect.runtime,
    sandbox: context.sandbox,
    hint: verdict.hint,
    cause: error,
  });
}

/** The error of a call that did not end in time. */
export function deadlineError(
  context: EngineErrorContext,
  cause: 'aborted' | 'timeout',
  timeoutMs: number | null,
): SandboxError {
  const { dialect, operation } = context;
  const message =
    cause === 'aborted'
      ? `${operation} was aborted`
      : `${dialect.title} did not answer within ${timeoutMs} ms (${operation})`;
  return new SandboxError('DEADLINE_EXCEEDED', message, {
    operation,
    runtime: dialect.runtime,
    sandbox: context.sandbox,
    ...(cause === 'timeout' && {
      hint: `look whether \`${dialect.command} info\` answers; a hung engine has to be restarted`,
    }),
  });
}

/** The engine's HTTP status, where it answered at all. */
export function statusOf(error: unknown): number | undefined {
  const source = SandboxError.is(error) ? error.cause : error;
  const status = (source as { statusCode?: unknown } | null | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** Whether the engine says that the object is not there; Podman says so with a 500 while it removes it. */
export function saysGone(error: unknown): boolean {
  const status = statusOf(error);
  return status === 404 || (status === 500 && /no such (container|exec|object)/i.test(messageOf(error)));
}

/** Whether a removal has to be tried again, or just waited for. */
export function saysBusy(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== 409 && status !== 500) return false;
  return /removal of container .* in progress|container state improper|device or resource busy|unlinkat/i.test(
    messageOf(error),
  );
}

/** The engine's own words, without what the client library puts before them. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^\(HTTP code \d+\) [\w ]+ - /, '').trim();
}

function fromErrno(error: unknown, { dialect, endpoint }: EngineErrorContext): Verdict {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
  const where = endpoint === undefined ? '' : ` at ${endpoint}`;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return {
        code: 'PERMISSION_DENIED',
        message: `not allowed to use ${dialect.title}${where}`,
        hint: dialect.permissionHint,
      };
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'ENOTSOCK':
      return {
        code: 'UNAVAILABLE',
        message: `${dialect.title} does not answer${where} (${code})`,
        hint: dialect.unavailableHint,
      };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
      return {
        code: 'UNAVAILABLE',
        message: `${dialect.title} dropped the connection${where}`,
        hint: dialect.unavailableHint,
      };
  }
  if (/^(CERT_|ERR_TLS|ERR_SSL|DEPTH_|SELF_SIGNED|UNABLE_TO_|EPROTO)/.test(code)) {
    return {
      code: 'UNAVAILABLE',
      message: `no TLS connection to ${dialect.title}${where}: ${messageOf(error)}`,
      hint: 'check the certificates (ca.pem, cert.pem, key.pem) and the port',
    };
  }
  return { code: 'UNKNOWN' };
}

/** Engines put many things under 400 and 500 that only their words tell apart. */
const WORDS: readonly (readonly [RegExp, ErrorCode, string?])[] = [
  [/bind source path does not exist/i, 'NOT_FOUND', 'a mounted host directory must exist; make it first'],
  [/container name .* is already in use|name .* is in use|name .* already exists/i, 'ALREADY_EXISTS'],
  [
    /no space left on device|disk quota exceeded/i,
    'RESOURCE_EXHAUSTED',
    'free some disk space of the engine',
  ],
  [
    /storage-opt.*(supported only|not supported|pquota)|--storage-opt/i,
    'UNSUPPORTED',
    'leave the disk limit out, or list `disk` under bestEffort',
  ],
  [/rlimit|RLIMIT_/, 'UNSUPPORTED', 'the host allows less than was asked for; lower the limit on open files'],
  [
    /unknown( or invalid)? runtime|runtime name|invalid runtime/i,
    'FAILED_PRECONDITION',
    'the option `ociRuntime` must name a runtime that the engine knows',
  ],
  [/exec format error/i, 'UNSUPPORTED', 'the image is for another processor architecture'],
  [
    /restrict inter-container communication|bridge-nf-call/i,
    'UNSUPPORTED',
    'load the kernel module br_netfilter, or use network none',
  ],
  [
    /non-overlapping.*address pool|could not find an available/i,
    'RESOURCE_EXHAUSTED',
    'the engine has no free subnet; remove unused networks',
  ],
  [/executable file not found|exec: .*no such file or directory/i, 'NOT_FOUND'],
  [/exec: .*permission denied/i, 'PERMISSION_DENIED'],
  [
    /too many open files|cannot allocate memory|resource temporarily unavailable|pids limit/i,
    'RESOURCE_EXHAUSTED',
  ],
  [
    /is not running|is paused|is not paused|is already paused|container state improper/i,
    'FAILED_PRECONDITION',
  ],
  [
    /is being used|is in use|in use by|image is referenced|cannot be forced|has active endpoints/i,
    'FAILED_PRECONDITION',
  ],
  [
    /manifest .*unknown|manifest for .* not found|repository does not exist|repository .*not found/i,
    'NOT_FOUND',
  ],
  [
    /unauthorized|authentication required|no basic auth|denied: requested access|access forbidden/i,
    'PERMISSION_DENIED',
  ],
  [
    /dial tcp|lookup .*(no such host|timeout|misbehaving)|connection refused|i\/o timeout|tls handshake timeout|net\/http|server misbehaving/i,
    'UNAVAILABLE',
    'the engine cannot reach the registry',
  ],
  [
    /dockerfile parse error|failed to parse dockerfile|cannot locate specified dockerfile/i,
    'INVALID_ARGUMENT',
  ],
  [/returned a non-zero code|failed to solve/i, 'FAILED_PRECONDITION'],
  [
    /failed to create (shim )?task|OCI runtime create failed/i,
    'FAILED_PRECONDITION',
    'the image, or what it declares as VOLUME, does not fit this engine: try another image',
  ],
];

function fromText(text: string, { dialect }: EngineErrorContext): Verdict | undefined {
  const image = /no such image:? ?(\S*)/i.exec(text) ?? /(\S+): image not known/i.exec(text);
  if (image) {
    const name = image[1] ?? '';
    return { code: 'NOT_FOUND', hint: `pull it first: ${dialect.command} pull ${name}`.trim() };
  }
  for (const [pattern, code, hint] of WORDS) {
    if (pattern.test(text)) return hint === undefined ? { code } : { code, hint };
  }
  return undefined;
}

function fromStatus(status: number): Verdict {
  if (status === 400) return { code: 'INVALID_ARGUMENT' };
  if (status === 401 || status === 403) return { code: 'PERMISSION_DENIED' };
  if (status === 404) return { code: 'NOT_FOUND' };
  if (status === 409) return { code: 'FAILED_PRECONDITION' };
  if (status === 501) return { code: 'UNSUPPORTED' };
  if (status === 502 || status === 503 || status === 504) return { code: 'UNAVAILABLE' };
  return { code: 'UNKNOWN' };
}
