import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface DockerEndpoint {
  /** As Docker writes it: `unix:///var/run/docker.sock`. */
  readonly url: string;
  /** Undefined when the engine is not reached by a Unix socket. */
  readonly socketPath: string | undefined;
  /** What chose it, in words; undefined for the system's own engine, the only one that the testbed would start. */
  readonly chosenBy: string | undefined;
}

export const systemSocket = '/var/run/docker.sock';

/** The engine that Docker's own programs would use: DOCKER_HOST, then the context, then the system's. */
export function dockerEndpoint(environment: NodeJS.ProcessEnv = process.env): DockerEndpoint {
  const host = environment.DOCKER_HOST;
  if (host !== undefined && host !== '') return endpoint(host, 'DOCKER_HOST');

  const directory = environment.DOCKER_CONFIG || join(homedir(), '.docker');
  const context = environment.DOCKER_CONTEXT || readJson(join(directory, 'config.json'))?.currentContext;
  if (typeof context !== 'string' || context === '' || context === 'default') return endpoint(undefined);

  // Only here: it takes longer to load than all else together, and the double of apple/container is started again and again.
  const id = process.getBuiltinModule('node:crypto').createHash('sha256').update(context).digest('hex');
  const meta = readJson(join(directory, 'contexts', 'meta', id, 'meta.json'));
  const endpoints = meta?.Endpoints as { docker?: { Host?: string } } | undefined;
  return endpoint(endpoints?.docker?.Host ?? `context:${context}`, `the Docker context "${context}"`);
}

function endpoint(url: string | undefined, chosenBy?: string): DockerEndpoint {
  if (url === undefined || url === `unix://${systemSocket}`)
    return { url: `unix://${systemSocket}`, socketPath: systemSocket, chosenBy: undefined };
  const socketPath = url.startsWith('unix://') ? url.slice('unix://'.length) : undefined;
  return { url, socketPath, chosenBy };
}

function readJson(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
