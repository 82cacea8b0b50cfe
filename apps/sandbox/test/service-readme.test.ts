import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { start, startApp } from './app.ts';
import { namedRuntimes } from './runtimes.ts';

const readme = fileURLToPath(new URL('../../../packages/server/README.md', import.meta.url));
const script = /<!-- curl:.*?```sh\n(.*?)```\n<!-- \/curl -->/s.exec(readFileSync(readme, 'utf8'))?.[1] ?? '';
const hasCurl = spawnSync('curl', ['--version']).status === 0;

describe.each(namedRuntimes)('the README of the service, on %s', (runtime) => {
  it.runIf(hasCurl)('has lines for curl that work', async () => {
    const cwd = mkdtempSync(path.join(tmpdir(), 'sandbox-curl-'));
    const service = startApp(['serve', '--port', '0', '--runtime', runtime], {
      env: { SANDBOX_CONFIG: '/dev/null' },
    });
    try {
      const shown = await service.shows(/http:\/\/127\.0\.0\.1:\d+\n/);
      const URL = /http:\/\/127\.0\.0\.1:\d+/.exec(shown)?.[0] ?? '';
      const lines = start(['bash', '-euc', script], { env: { URL }, cwd, input: '' });
      const { exitCode, stdout, stderr } = await lines.result;
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const text = stdout.toString();
      for (const part of [
        '"exitCode":3,"signal":null,"stdout":"hello\\n"',
        '"stdout":"hi you\\n"',
        'event: stdout\ndata: {"text":"2\\n"}',
        '{"files":[{"path":"in/data.txt","sizeBytes":5,"is_executable":false}]}',
        '{"files":[{"path":"copy/data.txt"',
        '}data\n',
        '\nin/data.txt\n',
      ])
        expect(text).toContain(part);
    } finally {
      service.child.kill('SIGTERM');
      expect(await service.result).toMatchObject({ exitCode: 0 });
      rmSync(cwd, { recursive: true });
    }
  });
});
