import { describe, expect, it } from 'vitest';
import { commandRequest } from './command-request.ts';
import { prepareExec } from './exec.ts';

const context = { runtime: 'docker', sandbox: 'box', timeoutMs: 1000 };
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('commandRequest', () => {
  it('takes the policy timeout, the own one, or none', () => {
    expect(commandRequest(['a'], {}, context, 1000).timeoutMs).toBe(1000);
    expect(commandRequest(['a'], { timeoutMs: 5.2 }, context, 1000).timeoutMs).toBe(6);
    expect(commandRequest(['a'], { timeoutMs: null }, context, 1000).timeoutMs).toBeUndefined();
    expect(commandRequest(['a'], {}, context, null).timeoutMs).toBeUndefined();
  });

  it('keeps to what the trust level may have', () => {
    const bounded = { ...context, maxTimeoutMs: 500 };
    expect(commandRequest(['a'], {}, bounded, null).timeoutMs).toBe(500);
    expect(commandRequest(['a'], {}, bounded, 1000).timeoutMs).toBe(500);
    expect(commandRequest(['a'], { timeoutMs: 500 }, bounded, 1000).timeoutMs).toBe(500);
    for (const timeoutMs of [501, null]) {
      expect(() => commandRequest(['a'], { timeoutMs }, bounded, 1000)).toThrow(code('PERMISSION_DENIED'));
    }
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never])(
    'refuses a timeout of %s',
    (timeoutMs) => {
      expect(() => commandRequest(['a'], { timeoutMs }, context, null)).toThrow(code('INVALID_ARGUMENT'));
    },
  );

  it('leaves a relative directory to the agent, unless commands start elsewhere', () => {
    const elsewhere = { ...context, cwd: '/workspace/src' };
    expect(commandRequest(['a'], {}, context, null).cwd).toBeUndefined();
    expect(commandRequest(['a'], { cwd: 'lib' }, context, null).cwd).toBe('lib');
    expect(commandRequest(['a'], {}, elsewhere, null).cwd).toBe('/workspace/src');
    expect(commandRequest(['a'], { cwd: '../lib' }, elsewhere, null).cwd).toBe('/workspace/src/../lib');
    expect(commandRequest(['a'], { cwd: '/lib' }, elsewhere, null).cwd).toBe('/lib');
    expect(() => commandRequest(['a'], { cwd: 'a\0b' }, context, null)).toThrow(code('INVALID_ARGUMENT'));
  });

  it('lays the request over the environment that the sandbox was not made with', () => {
    const request = commandRequest(['a'], { env: { B: '2' } }, { ...context, env: { A: '1', B: '1' } }, null);
    expect(request.env).toEqual({ A: '1', B: '2' });
  });
});

describe('prepareExec', () => {
  it('shows both ways to run a command line', () => {
    expect(() => prepareExec('npm test' as never, {}, context)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        hint: expect.stringMatching(/shell.*\['sh', '-c'/s),
      }),
    );
  });

  it.each([
    [{ stdin: 5 as never }],
    [{ maxOutputBytes: -1 }],
    [{ maxOutputBytes: 1.5 }],
    [{ onOutputLimit: 'explode' as never }],
    [{ env: { 'A=B': 'c' } }],
    [{ env: { A: 'b\0' } }],
    [{ graceMs: -1 }],
  ])('refuses %o', (options) => {
    expect(() => prepareExec(['a'], options, context)).toThrow(code('INVALID_ARGUMENT'));
  });

  it('does not begin what was aborted before', () => {
    const signal = AbortSignal.abort();
    expect(() => prepareExec(['a'], { signal }, context)).toThrow(code('DEADLINE_EXCEEDED'));
  });
});
