import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  bootId,
  endProcess,
  identify,
  isAlive,
  programOf,
  readRecord,
  writeRecord,
} from './process-record.ts';

const directory = mkdtempSync(join(tmpdir(), 'process-record-'));
const file = join(directory, 'record.json');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.runIf(process.platform === 'linux')('process records', () => {
  it('tells a process from a later one with its pid', () => {
    const self = identify(process.pid);
    if (self === undefined) throw new Error('no identity');
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, startTime: '1' })).toBe(false);
    expect(isAlive({ ...self, bootId: 'another boot' })).toBe(false);
  });

  it('ends a process that ignores TERM, and forgets its record', async () => {
    const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const identity = identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('no identity');
    expect(programOf(identity.pid)).toBe('sh');

    writeRecord(file, { kind: 'process', process: identity });
    expect(readRecord(file)).toEqual({ kind: 'process', process: identity });
    await endProcess(identity, 200);
    expect(readRecord(file)).toBeUndefined();
  });

  it('forgets what an earlier boot started', () => {
    writeRecord(file, { kind: 'systemd', units: ['docker.service'], bootId: bootId() });
    expect(readRecord(file)).toBeDefined();
    writeRecord(file, { kind: 'systemd', units: ['docker.service'], bootId: 'earlier' });
    expect(readRecord(file)).toBeUndefined();
  });
});
