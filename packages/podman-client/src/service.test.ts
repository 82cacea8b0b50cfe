import { describe, expect, it } from 'vitest';
import { explain, serviceArgv } from './service.ts';

describe('a service of our own', () => {
  it('is told of our death, or else ends when nobody asks it anything', () => {
    expect(
      serviceArgv('/usr/bin/podman', { socketPath: '/s', ociRuntime: 'runc', setpriv: '/usr/bin/setpriv' }),
    ).toEqual([
      ...['/usr/bin/setpriv', '--pdeathsig', 'TERM', '/usr/bin/podman', '--runtime=runc'],
      ...['--log-level=error', 'system', 'service', '--time=0', 'unix:///s'],
    ]);
    expect(serviceArgv('podman', { socketPath: '/s' })).toContain('--time=30');
  });

  it('says what to do when it does not start', () => {
    expect(explain('exec: "newuidmap": executable file not found', 'podman').hint).toContain('uidmap');
    expect(explain('no subuid ranges found for user', 'podman').hint).toContain('--add-subuids');
    expect(explain('', 'podman')).toMatchObject({ message: expect.not.stringContaining(':') });
  });
});
