import { describe, expect, it } from 'vitest';
import { type EndpointWorld, socketCandidates } from './endpoint.ts';

const world = (change: Partial<EndpointWorld> = {}): EndpointWorld => ({
  env: {},
  platform: 'linux',
  uid: 1000,
  home: '/home/ann',
  temporary: '/tmp',
  ...change,
});

describe('socketCandidates', () => {
  it('takes what is said, then what is usual', () => {
    expect(socketCandidates({ socketPath: '/s' }, world({ env: { CONTAINER_HOST: 'unix:///e' } }))).toEqual({
      sockets: ['/s'],
      fixed: true,
    });
    expect(socketCandidates({}, world({ env: { CONTAINER_HOST: 'unix:///e' } })).sockets).toEqual(['/e']);
    expect(socketCandidates({}, world({ uid: 0 })).sockets).toEqual(['/run/podman/podman.sock']);
    expect(socketCandidates({}, world()).sockets).toEqual(['/run/user/1000/podman/podman.sock']);
    expect(socketCandidates({}, world({ env: { XDG_RUNTIME_DIR: '/x' } })).sockets).toEqual([
      '/x/podman/podman.sock',
    ]);
    expect(socketCandidates({}, world({ platform: 'darwin' })).sockets).toHaveLength(2);
  });

  it('refuses other machines, with a way round', () => {
    const ask = () => socketCandidates({}, world({ env: { CONTAINER_HOST: 'ssh://me@box' } }));
    expect(ask).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED', hint: expect.stringContaining('ssh -nNT') }),
    );
  });
});
