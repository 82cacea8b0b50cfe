import { createSandboxes, type RuntimeAdapter, type Sandboxes } from '@sandbox/core';
import { builtInLanguages } from '@sandbox/languages';
import { createServer, type SandboxServer } from '@sandbox/server';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scope } from './app.ts';
import { type Document, instanceOf, nasty, type Operation, operationsOf } from './openapi-arbitrary.ts';
import { loadAdapter, namedRuntimes } from './runtimes.ts';

/** In a real sandbox: what is made up here includes commands and paths. */
const RUNTIME = 'nsjail';
const RUNS = 100;
/** The same each time, so that a failure is one for everybody; another looks elsewhere. */
const SEED = Number(process.env.FUZZ_SEED ?? 1);

const isNamed = namedRuntimes.includes(RUNTIME);
/** For the names of the tests: without a service that listens. */
const operations = isNamed ? operationsOf(await shape()) : [];

async function shape(): Promise<Document> {
  const sandboxes = createSandboxes({ adapter: await loadAdapter(RUNTIME), scope });
  return createServer({ sandboxes, languages: builtInLanguages }).openApi() as Document;
}

describe.runIf(isNamed)('whatever is sent to the service', () => {
  let adapter: RuntimeAdapter;
  let sandboxes: Sandboxes;
  let server: SandboxServer;
  let url: string;
  let document: Document;
  let kept: string;
  const errors: unknown[] = [];

  beforeAll(async () => {
    adapter = await loadAdapter(RUNTIME);
    sandboxes = createSandboxes({ adapter, scope });
    server = createServer({
      ...{ sandboxes, languages: builtInLanguages, localUser: 'ann' },
      limits: { sandboxesPerUser: 8, queueMs: 200, graceMs: 100 },
      onError: (error) => errors.push(error),
    });
    url = await server.listen({ port: 0 });
    document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
    kept = await create();
  });

  afterAll(async () => {
    await server.close();
    expect(await adapter.list({ 'dev.sandbox.scope': scope })).toEqual([]);
    await sandboxes.close();
  });

  async function create(): Promise<string> {
    const response = await fetch(`${url}/sandbox`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"runtime":"bash","keep":true,"code":"echo hi"}',
    });
    return ((await response.json()) as { id: string }).id;
  }

  async function put(path: string): Promise<void> {
    await fetch(`${url}/sandbox/${kept}/files`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ path, content: '' }]),
    });
  }

  /** Values that lead somewhere; what runs for long is no fault, and is bounded. */
  const known = {
    runtime: ['bash', 'sh'],
    adapter: [RUNTIME],
    command: ['true', 'cat', 'no-such-program', 'sh'],
    timeoutMs: [500, 1000],
    path: ['a', 'a/b', '/tmp/x', '/sandbox/y'],
    keepMs: [500],
  };

  /** One request: where to, and with what. */
  function requestOf({ path, parameters, bodies, method }: Operation) {
    const query = parameters.filter((parameter) => parameter.in === 'query');
    const types = Object.keys(bodies);
    const json = instanceOf(bodies['application/json'] ?? {}, document, known);
    return fc.record({
      method: fc.constant(method),
      // Its own id is filled in when it is sent: a request may remove it.
      id: path.includes('{id}')
        ? fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: nasty })
        : fc.constant(undefined),
      query: fc.record(
        Object.fromEntries(
          query.map(({ name }) => [
            name,
            fc.oneof(nasty, fc.constantFrom('a', 'a', '/tmp', '.', '/etc/passwd')),
          ]),
        ),
        { requiredKeys: [] },
      ),
      type: fc.oneof(
        {
          weight: 6,
          arbitrary: fc.constantFrom('application/json', 'application/json', 'application/json', ...types),
        },
        { weight: 1, arbitrary: fc.constantFrom('', 'text/plain', 'application/json; charset=utf-16', 'x') },
      ),
      body: fc.oneof(
        { weight: 8, arbitrary: json.map((value) => JSON.stringify(value) ?? '') },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 600 }) },
        { weight: 1, arbitrary: nasty },
      ),
    });
  }

  it.each(operations)('$method $path is answered, and never with a 500', async ({ operationId }) => {
    const operation = operationsOf(document).find((one) => one.operationId === operationId) as Operation;
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(requestOf(operation), async ({ method, id, query, type, body }) => {
        const target = operation.path.replace('{id}', encodeURIComponent((id ?? kept).toWellFormed()));
        if (operationId === 'removeFiles') await put('a');
        const search = new URLSearchParams(query as Record<string, string>);
        const response = await fetch(`${url}${target}?${search}`, {
          method,
          headers: type === '' ? {} : { 'content-type': type },
          ...(method === 'POST' && {
            body: typeof body === 'string' ? body.toWellFormed() : new Uint8Array(body),
          }),
        });
        seen.add(response.status);
        const text = await response.text();
        expect({ status: response.status, text, errors }).toMatchObject({ errors: [] });
        expect(response.status, text).not.toBe(500);
        if (response.status >= 400) {
          expect(response.headers.get('content-type')).toBe('application/problem+json');
          expect(JSON.parse(text)).toMatchObject({ status: response.status, code: expect.any(String) });
        } else expect(operation.statuses).toContain(String(response.status));
        if (operationId === 'createSandbox' && response.status === 201)
          await fetch(`${url}/sandbox/${JSON.parse(text).id}`, { method: 'DELETE' });
        if (operationId === 'removeSandbox' && response.status === 204 && id === undefined)
          kept = await create();
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // Something got through, and where there is something to check, something did not.
    if (operationId !== 'openTerminal') expect(Math.min(...seen)).toBeLessThan(300);
  });
});
