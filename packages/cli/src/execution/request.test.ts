import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as core from '@sandbox/core';
import { afterAll, describe, expect, it } from 'vitest';
import type { CommandFlags, OpenFlags } from './options.ts';
import { type RequestContext, toOpenRequest, toRunRequest } from './request.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'sandbox-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

const context: RequestContext = { ...core, controls: core.CONTROLS, cwd: directory, env: { LANG: 'C' } };
const request = (flags: CommandFlags) => toRunRequest(['true'], flags, context);

describe('toRunRequest', () => {
  it('asks for nothing when nothing is asked for', () => {
    const { policy, ...rest } = request({});
    expect(Object.values(policy).filter((value) => value !== undefined)).toEqual([]);
    expect(rest).toMatchObject({ command: ['true'], workspace: undefined, tty: false, json: false });
    expect(Object.keys(rest.env)).toEqual([]);
  });

  it.each([
    [{ memory: '512m' }, { memoryBytes: 512 * 2 ** 20 }],
    [{ memory: '1.5g' }, { memoryBytes: 1.5 * 2 ** 30 }],
    [{ cpus: '1.5' }, { cpus: 1.5 }],
    [{ pids: '128' }, { pids: 128 }],
    [{ timeout: '30s' }, { timeoutMs: 30_000 }],
    [{ timeout: 'none' }, { timeoutMs: null }],
    [{ network: 'full' }, { network: 'full' }],
    [{ user: '0' }, { user: '0' }],
    [{ bestEffort: ['disk', 'pids'] }, { bestEffort: ['disk', 'pids'] }],
  ] as const)('%j', (flags, policy) => {
    expect(request(flags as CommandFlags).policy).toMatchObject(policy);
  });

  it.each([
    [{ memory: 'lots' }, '--memory: "lots"'],
    [{ memory: '-1' }, '--memory: "-1"'],
    [{ cpus: '0' }, '--cpus: "0"'],
    [{ pids: '1.5' }, '--pids: "1.5"'],
    [{ pids: '0' }, '--pids: "0"'],
    [{ timeout: '30' }, '--timeout: "30"'],
    [{ bestEffort: ['sound'] }, 'there is no control "sound"'],
    [{ user: 'nobody' }, 'nobody'],
    [{ env: ['=1'] }, '--env'],
    [{ envFile: ['missing.env'] }, '--env-file missing.env: there is no such file'],
    [{ workspaceAccess: 'ro' }, 'needs a workspace'],
    [{ workspace: '' }, '--workspace is empty'],
    [{ json: true, tty: true }, '--json and --tty'],
  ] as const)('refuses %j, and says what would do', (flags, message) => {
    expect.assertions(2);
    try {
      request(flags as CommandFlags);
    } catch (error) {
      expect((error as Error).message).toContain(message);
      expect((error as { hint?: string }).hint).toMatch(/\w/);
    }
  });

  it('lists the controls when one is misspelt', () => {
    expect.assertions(1);
    try {
      request({ bestEffort: ['sound'] });
    } catch (error) {
      for (const control of core.CONTROLS) {
        if (!(error as { hint: string }).hint.includes(control)) throw new Error(`${control} is not listed`);
      }
      expect(true).toBe(true);
    }
  });

  it('lets -e win over --env-file, and later ones over earlier ones', () => {
    writeFileSync(path.join(directory, 'a.env'), 'A=file\nB=file\nC=a');
    writeFileSync(path.join(directory, 'b.env'), 'C=b');
    const { env } = request({ envFile: ['a.env', 'b.env'], env: ['A=option', 'LANG'] });
    expect({ ...env }).toEqual({ A: 'option', B: 'file', C: 'b', LANG: 'C' });
  });

  it('takes a workspace from where the caller stands', () => {
    expect(request({ workspace: 'project' }).workspace).toBe(path.join(directory, 'project'));
    expect(request({ workspace: '/srv' }).workspace).toBe('/srv');
  });
});

describe('toOpenRequest', () => {
  const open = (flags: OpenFlags) => toOpenRequest(['true'], flags, context);

  it('asks for nothing when nothing is asked for', () => {
    const { policy, ...rest } = open({});
    expect(Object.values(policy).filter((value) => value !== undefined)).toEqual([]);
    expect(rest).toMatchObject({
      workspace: undefined,
      name: undefined,
      recreate: false,
      lifecycle: undefined,
    });
  });

  it('makes user and place those of the command, and not of the sandbox that outlives it', () => {
    const { policy, user, cwd } = open({ user: 'root', workdir: 'src', memory: '1g', allowRoot: true });
    expect({ user, cwd }).toEqual({ user: 'root', cwd: 'src' });
    expect(policy).toMatchObject({ memoryBytes: 2 ** 30, allowRoot: true });
    expect(policy.user).toBeUndefined();
    const run = toRunRequest(['true'], { user: '0', workdir: '/src' }, context);
    expect(run).toMatchObject({ policy: { user: '0' }, workdir: '/src' });
    expect([run.user, run.cwd]).toEqual([undefined, undefined]);
  });

  it('says how long the sandbox lives', () => {
    expect(open({ ephemeral: true }).lifecycle).toBe('ephemeral');
    expect(open({ longLived: true, recreate: true })).toMatchObject({
      lifecycle: 'long-lived',
      recreate: true,
    });
  });

  it('takes a task by both its ids, in place of everything else that names a sandbox', () => {
    const task = { project: 'web', task: 'fix' };
    expect(open({ ...task, recreate: true, image: 'x' })).toMatchObject({ task, recreate: true, image: 'x' });
    expect(open({}).task).toBeUndefined();
    expect(() => open({ project: 'web' })).toThrow('--project needs --task');
    expect(() => open({ task: 'fix' })).toThrow('--task needs --project');
    expect(() => open({ ...task, name: 'box' })).toThrow('does not go with a name');
    for (const more of [{ workspace: '.' }, { ephemeral: true }, { longLived: true }] as const)
      expect(() => open({ ...task, ...more })).toThrow('exclude each other');
  });

  it('has tools as configured, unless it says so', () => {
    expect([open({}).tools, open({ tools: true }).tools, open({ tools: false }).tools]).toEqual([
      ...[undefined, true, false],
    ]);
    expect(() => open({ ephemeral: true, tools: true })).toThrow(
      '--ephemeral and --tools exclude each other',
    );
    expect(open({ ephemeral: true, tools: false })).toMatchObject({ lifecycle: 'ephemeral', tools: false });
  });

  it('takes access to a workspace that is not named', () => {
    expect(open({ workspaceAccess: 'ro' }).policy.workspaceAccess).toBe('ro');
    expect(() => toRunRequest(['true'], { workspaceAccess: 'ro' }, context)).toThrow('needs a workspace');
  });

  it('asks nothing of what a sandbox by name is like, but everything of the command', () => {
    const flags = { name: 'box', env: ['A=b'], timeout: '1s', user: '5', workdir: '/', tty: true } as const;
    expect(open(flags)).toMatchObject({ name: 'box', env: { A: 'b' }, user: '5', cwd: '/', tty: true });
    for (const more of [
      { image: 'x' },
      { network: 'none' },
      { allowRoot: true },
      { tools: false },
      { bestEffort: ['cpus'] },
    ] as const)
      expect(() => open({ name: 'box', ...more })).toThrow('does not go with a name');
  });
});
