import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GuestError } from './guest-error.ts';

/** Where the agent's directory is mounted in a guest, read-only. */
export const AGENT_DIRECTORY = '/.sandbox';

/**
 * Processes and threads that the agent keeps occupied for itself: each session, and `agent init` where that is the main process. Who limits a sandbox adds them to
 * the number that its commands may have. `agent version --json` tells the same.
 */
export const AGENT_PIDS = { session: 48, init: 16 } as const;

/** The agent's path in a guest. The digest is in it, so that many versions can lie beside each other. */
export function agentPath(digest: string): string {
  return `${AGENT_DIRECTORY}/${digest}/agent`;
}

/** The agent's binaries as this package carries them. */
export interface AgentArtifact {
  /** Of the binaries' content: the name of the directory that holds them. */
  readonly digest: string;
  readonly version: string;
  /** The host's path of the binary for Linux on this architecture. Its mode means nothing: npm loses it. */
  path(arch: 'amd64' | 'arm64'): string;
}

/** Reads the package's manifest of the agent. Throws `FAILED_PRECONDITION` in a checkout where it was not built. */
export function agentArtifact(): AgentArtifact {
  return readAgentArtifact(fileURLToPath(new URL('../agents/', import.meta.url)));
}

export function readAgentArtifact(directory: string): AgentArtifact {
  const { digest, version } = readManifest(`${directory}manifest.json`);
  return {
    digest,
    version,
    path(arch) {
      const path = `${directory}linux-${arch}/agent`;
      if (!existsSync(path)) throw notBuilt(path);
      return path;
    },
  };
}

function readManifest(path: string): { digest: string; version: string } {
  let manifest: { digest?: unknown; version?: unknown } | null;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw notBuilt(path, cause);
  }
  const { digest, version } = manifest ?? {};
  if (typeof digest !== 'string' || !/^[0-9a-f]{12,128}$/.test(digest) || typeof version !== 'string') {
    throw notBuilt(path);
  }
  return { digest, version };
}

function notBuilt(path: string, cause?: unknown): GuestError {
  return new GuestError(
    'FAILED_PRECONDITION',
    `the agent was not built: ${path} is missing or incomplete; run \`pnpm build\` (it needs Go; installed packages contain the agent)`,
    { cause, path, operation: 'agentArtifact' },
  );
}
