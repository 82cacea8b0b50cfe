import { describe, expect, it } from 'vitest';
import { hostProblem, runtimeToStartWith } from './host.ts';

const host = { ociRuntime: 'crun', caller: undefined };

describe('the OCI runtime', () => {
  it('is runc where crun refuses the host, unless somebody says otherwise', () => {
    expect(runtimeToStartWith(undefined, { hybrid: true, runc: true })).toBe('runc');
    expect(runtimeToStartWith('kata', { hybrid: true, runc: true })).toBe('kata');
    expect(runtimeToStartWith(undefined, { hybrid: true, runc: false })).toBeUndefined();
    expect(runtimeToStartWith(undefined, { hybrid: false, runc: true })).toBeUndefined();
    expect(hostProblem(host, undefined, true)?.message).toContain('crun refuses');
    expect(hostProblem(host, undefined, false)).toBeUndefined();
  });

  it('is no use where it runs something else than was asked for, which its API would not say', () => {
    expect(hostProblem(host, 'kata', false)?.message).toContain('not with kata');
    expect(hostProblem(host, '/usr/bin/crun', false)).toBeUndefined();
  });
});
