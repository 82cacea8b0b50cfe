import { describe, expect, it } from 'vitest';
import { createPodmanAdapter } from './podman-adapter.ts';

describe('createPodmanAdapter', () => {
  it('does no I/O, and refuses options that are none', () => {
    expect(createPodmanAdapter({ socketPath: '/nope' }).runtime).toBe('podman');
    expect(() => createPodmanAdapter({ sokcet: '/x' } as never)).toThrow(/sokcet/);
    expect(() => createPodmanAdapter({ timeouts: { callMs: -1 } })).toThrow(/timeouts\.callMs/);
  });

  it('takes no program that the working directory brings', () => {
    expect(() => createPodmanAdapter({ program: './podman' })).toThrow(/program: .*PATH/);
    expect(createPodmanAdapter({ program: 'podman' }).runtime).toBe('podman');
  });
});
