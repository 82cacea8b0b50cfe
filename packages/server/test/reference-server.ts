// The service over the reference adapter, which isolates nothing and needs no engine.

import { createReferenceAdapter } from '@sandbox/conformance/reference';
import { createSandboxes, type RuntimeAdapter, type SandboxesOptions } from '@sandbox/core';
import { builtInLanguages } from '@sandbox/languages';
import { createServer, createServiceLog, type SandboxServer, type ServerOptions } from '@sandbox/server';

export interface ReferenceServer extends AsyncDisposable {
  readonly server: SandboxServer;
  readonly url: string;
  /** What went wrong inside. */
  readonly errors: unknown[];
  readonly adapter: RuntimeAdapter;
  /** Names of the sandboxes that are there, whoever made them. */
  left(): Promise<string[]>;
}

export interface ReferenceServerOptions extends Partial<ServerOptions> {
  readonly manager?: Partial<SandboxesOptions>;
  /** Sandboxes of this directory outlive the server. */
  readonly directory?: string;
  readonly port?: number;
  readonly host?: string;
}

export async function startReference({
  manager,
  directory,
  port = 0,
  host,
  ...options
}: ReferenceServerOptions = {}): Promise<ReferenceServer> {
  // No sandbox is made without namespaces, and no workspace's without access to it. Here they are pretended.
  const adapter = createReferenceAdapter({ directory, claims: ['namespaces', 'workspace-access'] });
  const sandboxes = createSandboxes({ adapter, policy: { network: 'full' }, ...manager });
  const errors: unknown[] = [];
  const server = createServer({
    sandboxes,
    languages: builtInLanguages,
    localUser: 'ann',
    onError: (error) => errors.push(error),
    log: createServiceLog({ level: 'silent' }),
    ...options,
  });
  const url = await server.listen({ port, host }).catch(async (error) => {
    await server.close();
    await sandboxes.close();
    throw error;
  });
  return {
    server,
    url,
    errors,
    adapter,
    left: async () => (await adapter.list()).map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      await server.close();
      await sandboxes.close();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the test expects
  readonly body: any;
}

/** One request with a JSON body, and its JSON answer. */
export async function call(
  { url }: { readonly url: string },
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}
