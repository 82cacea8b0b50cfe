import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EngineClient } from './client.ts';
import { testDialect } from './dialect.fixture.ts';
import { removeContainer } from './removal.ts';

let directory: string;
let server: Server | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'docker-api-'));
});
afterEach(() => {
  server?.close();
  rmSync(directory, { recursive: true });
});

type Answer = readonly [status: number, message?: string];

/** Asks an endpoint that gives these answers, one after the other, to remove a container; what it was asked. */
async function remove(...answers: Answer[]) {
  const asked: (string | undefined)[] = [];
  server = createServer(({ method }, response) => {
    const [status, message = ''] = answers[asked.length] ?? [404];
    asked.push(method);
    response.statusCode = status;
    response.end(status === 204 ? undefined : JSON.stringify({ message }));
  });
  const socketPath = join(directory, 's');
  await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
  const endpoint = () => ({ type: 'unix', socketPath }) as const;
  const client = new EngineClient({ dialect: testDialect, endpoint, callTimeoutMs: 20_000 });
  const wasThere = await removeContainer(client, 'id', { operation: 'remove', sandbox: 'box' });
  return { wasThere, asked };
}

const GONE: Answer = [404, 'no such container'];
const IN_PROGRESS: Answer = [409, 'removal of container id is already in progress'];
const BUSY: Answer = [500, 'unlinkat /var/lib/x: device or resource busy'];

it.each([
  ['gone at once', [[204], GONE], true, ['DELETE', 'GET']],
  ['still there after it was removed', [[204], [200], [200], GONE], true, ['DELETE', 'GET', 'GET', 'GET']],
  ['being removed by somebody else', [IN_PROGRESS, [200], GONE], true, ['DELETE', 'GET', 'GET']],
  ['held by something', [BUSY, BUSY, [204], GONE], true, ['DELETE', 'DELETE', 'DELETE', 'GET']],
  ['not there', [GONE], false, ['DELETE']],
] as const)('one that is %s', async (_, answers, wasThere, asked) => {
  expect(await remove(...answers)).toEqual({ wasThere, asked });
});

it('one that the engine refuses to remove is told', async () => {
  await expect(remove([500, 'driver failed'])).rejects.toMatchObject({
    message: expect.stringContaining('driver failed'),
  });
});
