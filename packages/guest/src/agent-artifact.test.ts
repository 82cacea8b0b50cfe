import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentPath, readAgentArtifact } from './agent-artifact.ts';

describe('readAgentArtifact', () => {
  let directory: string;
  beforeEach(() => {
    directory = `${mkdtempSync(join(tmpdir(), 'agents-'))}/`;
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('says how to build an agent that is not there', () => {
    expect(() => readAgentArtifact(directory)).toThrow(/was not built: .*manifest\.json.*pnpm build/);
  });

  it.each(['', '[]', '{"digest":"../x","version":"1"}', '{"digest":"0123456789abcdef"}', 'null'])(
    'refuses the manifest %j',
    (manifest) => {
      writeFileSync(`${directory}manifest.json`, manifest);
      expect(() => readAgentArtifact(directory)).toThrow(/missing or incomplete/);
    },
  );

  it('finds the binaries of each architecture', () => {
    writeFileSync(`${directory}manifest.json`, '{"digest":"0123456789abcdef","version":"1.2.3","files":{}}');
    mkdirSync(`${directory}linux-amd64`);
    writeFileSync(`${directory}linux-amd64/agent`, '');
    const artifact = readAgentArtifact(directory);
    expect(artifact).toMatchObject({ digest: '0123456789abcdef', version: '1.2.3' });
    expect(artifact.path('amd64')).toBe(`${directory}linux-amd64/agent`);
    expect(() => artifact.path('arm64')).toThrow(/linux-arm64/);
    expect(agentPath(artifact.digest)).toBe('/.sandbox/0123456789abcdef/agent');
  });
});
