import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeDirectory, SandboxError } from '@sandbox/core';
import type { EngineEndpoint, EngineTls } from '@sandbox/docker-api';
import type { DockerAdapterOptions } from './docker-options.ts';

/** What the resolution looks at, so that it can be tested without any of it. */
export interface EndpointWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Null where there is no such file; throws where it cannot be read. */
  readFile(path: string): string | null;
  exists(path: string): boolean;
}

export const realWorld = (): EndpointWorld => ({
  env: process.env,
  home: homeDirectory(),
  exists: existsSync,
  readFile(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return null;
      throw new SandboxError('FAILED_PRECONDITION', `cannot read ${path} (${code})`, {
        runtime: 'docker',
        hint: 'make it readable for you, or say where Docker answers with DOCKER_HOST',
        cause: error,
      });
    }
  },
});

export interface ResolvedEndpoint {
  readonly endpoint: EngineEndpoint;
  /** What decided: `option socketPath`, `DOCKER_HOST`, `context desktop-linux`, `default`. */
  readonly source: string;
  /** What was passed over on the way, for a person. */
  readonly warning?: string | undefined;
}

const DEFAULT_SOCKET = '/var/run/docker.sock';

/** Where Docker answers, in the order of its own command line: what is said here, DOCKER_HOST, DOCKER_CONTEXT, the current context, the default. */
export function resolveEndpoint(options: DockerAdapterOptions, world: EndpointWorld): ResolvedEndpoint {
  const given = [options.socketPath, options.host, options.context].filter((value) => value !== undefined);
  if (given.length > 1) throw invalid('give only one of socketPath, host and context');
  if (options.socketPath !== undefined) {
    return { endpoint: { type: 'unix', socketPath: options.socketPath }, source: 'option socketPath' };
  }
  if (options.host !== undefined) {
    return { endpoint: parseHost(options.host, tlsOf(options, world)), source: 'option host' };
  }
  if (options.context !== undefined) return fromContext(options.context, 'option context', options, world);
  const { DOCKER_HOST, DOCKER_CONTEXT } = world.env;
  if (DOCKER_HOST) return { endpoint: parseHost(DOCKER_HOST, tlsOf(options, world)), source: 'DOCKER_HOST' };
  if (DOCKER_CONTEXT) return fromContext(DOCKER_CONTEXT, 'DOCKER_CONTEXT', options, world);
  const { current, warning } = currentContext(world);
  if (current !== undefined) return fromContext(current, 'current context', options, world);
  return { ...defaultEndpoint(world), warning };
}

/** A file that cannot be read is passed over, as Docker's own command line does. */
function currentContext(world: EndpointWorld): { current?: string; warning?: string } {
  try {
    const current = readJson(join(configDirectory(world), 'config.json'), world)?.currentContext;
    return typeof current === 'string' && current !== '' ? { current } : {};
  } catch (error) {
    if (!SandboxError.is(error)) throw error;
    return { warning: `${error.message}: a context that it may name is not used` };
  }
}

/** The system's socket, or where there is none that of a rootless engine or of Docker Desktop. */
function defaultEndpoint({ env, home, exists }: EndpointWorld): ResolvedEndpoint {
  const own = [
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
  ];
  const found = exists(DEFAULT_SOCKET) ? undefined : own.find(exists);
  return { endpoint: { type: 'unix', socketPath: found ?? DEFAULT_SOCKET }, source: 'default' };
}

function fromContext(
  name: string,
  source: string,
  options: DockerAdapterOptions,
  world: EndpointWorld,
): ResolvedEndpoint {
  if (name === 'default') return { ...defaultEndpoint(world), source: `${source} default` };
  const digest = createHash('sha256').update(name).digest('hex');
  const directory = join(configDirectory(world), 'contexts');
  const meta = readJson(join(directory, 'meta', digest, 'meta.json'), world);
  if (!meta) throw invalid(`there is no Docker context ${name} (${source}); see \`docker context ls\``);
  const docker = (meta.Endpoints as { docker?: { Host?: string; SkipTLSVerify?: boolean } } | undefined)
    ?.docker;
  if (!docker?.Host) throw invalid(`the Docker context ${name} names no host`);
  const pem = join(directory, 'tls', digest, 'docker');
  const files = tlsFiles(pem, docker.SkipTLSVerify !== true, world);
  return {
    endpoint: parseHost(docker.Host, options.tls ? tlsOf(options, world) : files),
    source: `${source} ${name}`,
  };
}

/** Pure. A host of `ssh://` is refused: the client library would not check the other machine's key. */
export function parseHost(host: string, tls: EngineTls | undefined): EngineEndpoint {
  const unix = /^unix:\/\/(.*)$/.exec(host);
  if (unix) return { type: 'unix', socketPath: unix[1] || DEFAULT_SOCKET };
  if (/^ssh:/.test(host)) {
    const target = host.replace(/^ssh:\/\//, '').replace(/\/.*$/, '');
    throw new SandboxError('UNSUPPORTED', `Docker over ${host} is not supported`, {
      runtime: 'docker',
      hint: `forward its socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ${target}; then DOCKER_HOST=unix:///tmp/docker.sock`,
    });
  }
  const url = URL.parse(host.includes('://') ? host : `tcp://${host}`);
  const known = url !== null && /^(tcp|http|https):$/.test(url.protocol);
  if (!known || url.hostname === '' || (url.pathname !== '' && url.pathname !== '/')) {
    throw invalid(`${JSON.stringify(host)} is not an address of Docker: unix:///path or tcp://host:port`);
  }
  const secure = tls ?? (url.protocol === 'https:' ? { verify: true } : undefined);
  const standard = secure ? 2376 : 2375;
  return {
    type: 'tcp',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? standard : Number(url.port),
    ...(secure && { tls: secure }),
  };
}

function tlsOf({ tls }: DockerAdapterOptions, world: EndpointWorld): EngineTls | undefined {
  if (tls) {
    return {
      ca: readPem(tls.ca, world),
      cert: readPem(tls.cert, world),
      key: readPem(tls.key, world),
      verify: tls.verify ?? true,
    };
  }
  // As Docker's own command line: set means verify, and the files are in DOCKER_CERT_PATH or ~/.docker.
  if (!world.env.DOCKER_TLS_VERIFY && !world.env.DOCKER_TLS) return undefined;
  const directory = world.env.DOCKER_CERT_PATH || configDirectory(world);
  const verify = Boolean(world.env.DOCKER_TLS_VERIFY);
  return tlsFiles(directory, verify, world) ?? { verify };
}

function tlsFiles(directory: string, verify: boolean, world: EndpointWorld): EngineTls | undefined {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map(
    (name) => world.readFile(join(directory, name)) ?? undefined,
  );
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  return { ca, cert, key, verify };
}

function readPem(path: string | undefined, world: EndpointWorld): string | undefined {
  if (path === undefined) return undefined;
  const content = world.readFile(path);
  if (content === null) throw invalid(`there is no file ${path}`);
  return content;
}

function configDirectory({ env, home }: EndpointWorld): string {
  return env.DOCKER_CONFIG || join(home, '.docker');
}

function readJson(path: string, world: EndpointWorld): Record<string, unknown> | null {
  const text = world.readFile(path);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch (cause) {
    throw new SandboxError('FAILED_PRECONDITION', `${path} is not JSON`, {
      runtime: 'docker',
      hint: 'mend or remove it, or say where Docker answers with DOCKER_HOST',
      cause,
    });
  }
}

function invalid(message: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', message, { runtime: 'docker' });
}
