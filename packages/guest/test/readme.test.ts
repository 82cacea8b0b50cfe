import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** The package itself, so that its own name leads to what was built. */
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

it("the README's example runs as it stands", async () => {
  const readme = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
  const directory = mkdtempSync(join(tmpdir(), 'readme-'));
  try {
    const example = (readme.match(/```ts\n(.*?)```/s)?.[1] ?? '')
      .replaceAll('/tmp', directory)
      .replace("path('amd64')", `path('${process.arch === 'arm64' ? 'arm64' : 'amd64'}')`);
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', example], {
      cwd: PACKAGE,
    });
    expect((await run).stdout).toBe('hello\nexit code 7\nany string, bytes or stream');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
