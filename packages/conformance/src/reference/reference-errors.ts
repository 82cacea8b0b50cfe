import { type CallOptions, type RuntimeAdapter, SandboxError } from '@sandbox/core';

const members = [
  'probe',
  'create',
  'start',
  'exec',
  'stop',
  'kill',
  'remove',
  'inspect',
  'list',
  'stats',
] as const;

type Member = (...given: unknown[]) => Promise<unknown>;

/** Whatever is thrown inside, what comes out is a `SandboxError` that says where. */
export function withSandboxErrors(adapter: RuntimeAdapter): RuntimeAdapter {
  const wrapped: Record<string, Member> = {};
  for (const operation of members) {
    const member = adapter[operation] as unknown as Member;
    wrapped[operation] = async (...given) => {
      try {
        return await member(...given);
      } catch (error) {
        throw explain(error, operation, adapter.runtime, given);
      }
    };
  }
  return { ...adapter, ...wrapped };
}

function explain(
  error: unknown,
  operation: string,
  runtime: string,
  given: readonly unknown[],
): SandboxError {
  const call = given.at(-1) as CallOptions | undefined;
  const [first] = given;
  const sandbox = typeof first === 'string' ? first : (first as { name?: string } | undefined)?.name;
  if (!SandboxError.is(error) && call?.signal?.aborted) {
    return new SandboxError('DEADLINE_EXCEEDED', `${operation} was aborted`, {
      operation,
      runtime,
      sandbox,
      cause: error,
    });
  }
  return SandboxError.withContext(error, { operation, runtime, sandbox });
}
