import { createHash } from 'node:crypto';
import { SandboxError } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { type EndpointWorld, parseHost, resolveEndpoint } from './docker-endpoint.ts';

const world = (
  env: Record<string, string> = {},
  files: Record<string, string> = {},
  sockets: readonly string[] = ['/var/run/docker.sock'],
): EndpointWorld => ({
  env,
  home: '/home/me',
  readFile: (path) => files[path] ?? null,
  exists: (path) => sockets.includes(path),
});

const digest = (name: string) => createHash('sha256').update(name).digest('hex');
const contextFiles = (name: string, host: string, more: object = {}) => ({
  [`/home/me/.docker/contexts/meta/${digest(name)}/meta.json`]: JSON.stringify({
    Name: name,
    Endpoints: { docker: { Host: host, ...more } },
  }),
});
const unix = (socketPath: string) => ({ type: 'unix', socketPath });

describe('resolveEndpoint', () => {
  it('takes the default socket, or that of a rootless engine where it is the only one', () => {
    expect(resolveEndpoint({}, world()).endpoint).toEqual(unix('/var/run/docker.sock'));
    const rootless = world({ XDG_RUNTIME_DIR: '/run/user/5' }, {}, ['/run/user/5/docker.sock']);
    expect(resolveEndpoint({}, rootless).endpoint).toEqual(unix('/run/user/5/docker.sock'));
    expect(resolveEndpoint({}, world({}, {}, [])).endpoint).toEqual(unix('/var/run/docker.sock'));
  });

  it('prefers options to DOCKER_HOST to DOCKER_CONTEXT to the current context', () => {
    const files = {
      ...contextFiles('one', 'unix:///one.sock'),
      ...contextFiles('two', 'unix:///two.sock'),
      '/home/me/.docker/config.json': '{"currentContext":"two"}',
    };
    const all = { DOCKER_HOST: 'unix:///env.sock', DOCKER_CONTEXT: 'one' };
    expect(resolveEndpoint({ socketPath: '/opt.sock' }, world(all, files)).endpoint).toEqual(
      unix('/opt.sock'),
    );
    expect(resolveEndpoint({ host: 'unix:///host.sock' }, world(all, files)).endpoint).toEqual(
      unix('/host.sock'),
    );
    expect(resolveEndpoint({ context: 'two' }, world(all, files)).endpoint).toEqual(unix('/two.sock'));
    expect(resolveEndpoint({}, world(all, files))).toEqual({
      endpoint: unix('/env.sock'),
      source: 'DOCKER_HOST',
    });
    expect(resolveEndpoint({}, world({ DOCKER_CONTEXT: 'one' }, files)).endpoint).toEqual(unix('/one.sock'));
    expect(resolveEndpoint({}, world({}, files))).toEqual({
      endpoint: unix('/two.sock'),
      source: 'current context two',
    });
    expect(resolveEndpoint({ context: 'default' }, world({}, files)).endpoint).toEqual(
      unix('/var/run/docker.sock'),
    );
  });

  it('takes TLS from the environment as Docker does', () => {
    const files = { '/certs/ca.pem': 'CA', '/certs/cert.pem': 'CERT', '/certs/key.pem': 'KEY' };
    const env = { DOCKER_HOST: 'tcp://box:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' };
    expect(resolveEndpoint({}, world(env, files)).endpoint).toEqual({
      type: 'tcp',
      host: 'box',
      port: 2376,
      tls: { ca: 'CA', cert: 'CERT', key: 'KEY', verify: true },
    });
    expect(resolveEndpoint({}, world({ DOCKER_HOST: 'tcp://box:2375' })).endpoint).toEqual({
      type: 'tcp',
      host: 'box',
      port: 2375,
    });
    expect(
      resolveEndpoint({}, world({ DOCKER_HOST: 'tcp://box', DOCKER_TLS_VERIFY: '1' })).endpoint,
    ).toMatchObject({
      port: 2376,
      tls: { verify: true },
    });
  });

  it('takes TLS from a context, and from options', () => {
    const pem = `/home/me/.docker/contexts/tls/${digest('far')}/docker`;
    const files = {
      ...contextFiles('far', 'tcp://far:2376', { SkipTLSVerify: true }),
      [`${pem}/ca.pem`]: 'CA',
      '/ca': 'OTHER',
    };
    const { endpoint } = resolveEndpoint({ context: 'far' }, world({}, files));
    expect(endpoint).toMatchObject({ host: 'far', tls: { ca: 'CA', verify: false } });
    const options = { host: 'tcp://far', tls: { ca: '/ca' } };
    expect(resolveEndpoint(options, world({}, files)).endpoint).toMatchObject({
      tls: { ca: 'OTHER', verify: true },
    });
    expect(() => resolveEndpoint({ ...options, tls: { ca: '/nope' } }, world())).toThrow('/nope');
  });

  it.each<[string, () => unknown, string]>([
    [
      'two options at once',
      () => resolveEndpoint({ host: 'unix:///a', socketPath: '/b' }, world()),
      'only one',
    ],
    ['a context that is not there', () => resolveEndpoint({ context: 'nope' }, world()), 'nope'],
    ['an address that is none', () => resolveEndpoint({ host: 'tcp://' }, world()), 'tcp://'],
    ['a path in an address', () => resolveEndpoint({ host: 'tcp://a:1/b' }, world()), '/b'],
    ['another scheme', () => resolveEndpoint({ host: 'ftp://a' }, world()), 'ftp://a'],
  ])('refuses %s', (_name, call, words) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(call).toThrow(words);
  });

  it('passes over a configuration that cannot be read, with a warning', () => {
    const path = '/home/me/.docker/config.json';
    const unreadable = {
      ...world(),
      readFile: () => {
        throw new SandboxError('FAILED_PRECONDITION', `cannot read ${path} (EACCES)`);
      },
    };
    for (const [given, why] of [
      [world({}, { [path]: '{' }), 'is not JSON'],
      [unreadable, 'cannot read'],
    ] as const) {
      const { endpoint, warning } = resolveEndpoint({}, given);
      expect(endpoint).toEqual(unix('/var/run/docker.sock'));
      expect(warning).toContain(path);
      expect(warning).toContain(why);
    }
  });

  it('says where the broken file of a context lies, and what to do', () => {
    const meta = `/home/me/.docker/contexts/meta/${digest('one')}/meta.json`;
    const broken = world({ DOCKER_CONTEXT: 'one' }, { [meta]: '{' });
    expect(() => resolveEndpoint({}, broken)).toThrow(
      expect.objectContaining({
        message: `${meta} is not JSON`,
        hint: expect.stringContaining('DOCKER_HOST'),
      }),
    );
  });
});

describe('parseHost', () => {
  it('refuses ssh with a way to do it', () => {
    expect(() => parseHost('ssh://me@box', undefined)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED', hint: expect.stringContaining('ssh -nNT -L') }),
    );
  });

  it('knows addresses without a scheme, IPv6, https', () => {
    expect(parseHost('box:2375', undefined)).toEqual({ type: 'tcp', host: 'box', port: 2375 });
    expect(parseHost('tcp://[::1]:2375', undefined)).toEqual({ type: 'tcp', host: '::1', port: 2375 });
    expect(parseHost('https://box', undefined)).toMatchObject({ port: 2376, tls: { verify: true } });
    expect(parseHost('unix://', undefined)).toEqual(unix('/var/run/docker.sock'));
  });
});
