import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('stalled-terminal.ts', import.meta.url));
const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') ?? false;

describe.skipIf(!hasScript)('a terminal that takes nothing', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'sandbox-cli-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('does not stop the program, and loses nothing', async () => {
    const file = path.join(directory, 'beats');
    writeFileSync(file, '0');
    const command = `'${process.execPath}' '${program}' '${file}' unblocked`;
    // Nobody reads what `script` shows, so it does not read the terminal.
    const script = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await expect.poll(() => Number(readFileSync(file, 'utf8')), { timeout: 20_000 }).toBeGreaterThan(50);
    const shown = await buffer(script.stdout);
    expect(shown.length).toBeGreaterThan(40 * 500 * 100);
    expect(shown.toString().trimEnd().endsWith('all is written')).toBe(true);
  });
});
