import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedApp, start, startApp } from './app.ts';
import { namedRuntimes } from './runtimes.ts';

/** A generator of clients in Python, by other people. */
const GENERATOR = 'openapi-python-client==0.29.1';
const NO_REGISTRY =
  /Failed to establish|Could not fetch|timed out|Name or service not known|NewConnectionError/i;
const program = fileURLToPath(new URL('generated_client.py', import.meta.url));

/** One client for all: the document is the same on every runtime. */
describe('a client that was generated from the OpenAPI document', () => {
  let directory: string;
  let unreachable: string | undefined;
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'sandbox-generated-'));
    expect((await python('python3', '-m', 'venv', 'venv')).exitCode).toBe(0);
    const installed = await python('venv/bin/pip', 'install', '--quiet', GENERATOR);
    if (installed.exitCode !== 0 && NO_REGISTRY.test(installed.stderr)) unreachable = installed.stderr;
    else expect(installed).toMatchObject({ exitCode: 0 });
  }, 300_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const python = (...argv: readonly string[]) =>
    start(argv, { cwd: directory, input: '', env: { PIP_DISABLE_PIP_VERSION_CHECK: '1' } }).result;

  async function withService<T>(runtime: string, use: (url: string) => Promise<T>): Promise<T> {
    const service: StartedApp = startApp(['serve', '--port', '0', '--runtime', runtime], {
      env: { SANDBOX_CONFIG: '/dev/null' },
    });
    try {
      const [url = ''] =
        /http:\/\/127\.0\.0\.1:\d+/.exec(await service.shows(/http:\/\/127\.0\.0\.1:\d+\n/)) ?? [];
      return await use(url);
    } finally {
      service.child.kill('SIGTERM');
      expect(await service.result).toMatchObject({ exitCode: 0 });
    }
  }

  it.for(namedRuntimes)('drives the service on %s', async (runtime, { skip }) => {
    if (unreachable !== undefined) return skip(`no registry: ${unreachable}`);
    await withService(runtime, async (url) => {
      const words = ['--url', `${url}/openapi.json`, '--meta', 'none', '--overwrite'];
      const made = await python(
        'venv/bin/openapi-python-client',
        'generate',
        ...words,
        '--output-path',
        'sandbox_client',
      );
      expect(made).toMatchObject({ exitCode: 0 });
      const { exitCode, stdout, stderr } = await start(
        [path.join(directory, 'venv/bin/python'), program, url],
        {
          cwd: directory,
          input: '',
          env: { PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: '1' },
        },
      ).result;
      expect({ exitCode, stderr, lines: stdout.toString().trim().split('\n') }).toEqual({
        exitCode: 0,
        stderr: '',
        lines: [
          "created: sh running ['lib/data.txt']",
          "ran: exited 3 'written by Python\\n'",
          'echoed: in and out',
          'sandbox: True',
          'listed: True',
          'stats: 200',
          'file: written by Python',
          'file removed: 204',
          'removed: 204',
          'gone: 410 NOT_FOUND in and out',
          'refused: 400 INVALID_ARGUMENT',
          'health: ok',
        ],
      });
    });
  });
});
