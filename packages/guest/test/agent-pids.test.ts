import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AGENT_PIDS, agentArtifact } from '../src/agent-artifact.ts';

test('what the agent says that it occupies is what hosts add to a limit', () => {
  const directory = mkdtempSync(join(tmpdir(), 'guest-'));
  try {
    const program = join(directory, 'agent');
    copyFileSync(agentArtifact().path(process.arch === 'arm64' ? 'arm64' : 'amd64'), program);
    chmodSync(program, 0o755);
    const said = JSON.parse(execFileSync(program, ['version', '--json'], { encoding: 'utf8' }));
    expect(said.pids).toEqual(AGENT_PIDS);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
