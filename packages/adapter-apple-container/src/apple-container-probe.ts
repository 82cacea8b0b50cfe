import { release } from 'node:os';
import { ARCHITECTURE, INSTALL, START, unless } from '@sandbox/apple-container-client';
import { type CallOptions, type ProbeResult, SandboxError } from '@sandbox/core';
import type { CommandLine } from '@sandbox/daemonless';
import { APPLE_CONTAINER_CAPABILITIES } from './apple-container-capabilities.ts';

const OLDEST = '1.2.1';
/** Darwin of macOS 26. */
const OLDEST_DARWIN = 25;

export async function probeAppleContainer(
  cli: CommandLine,
  { signal, ms }: CallOptions & { readonly ms: number },
): Promise<ProbeResult> {
  const base = { endpoint: cli.program, capabilities: APPLE_CONTAINER_CAPABILITIES };
  const not = (status: 'undetected' | 'unhealthy', message: string, remedy: string, version?: string) => ({
    ...{ ...base, status, message, remedy },
    ...(version && { version }),
  });
  try {
    return await cli.call({ operation: 'probe', signal, ms }, async (limit) => {
      const said = await cli.run(['--version'], limit);
      const version = /container CLI version (\d+\.\d+\.\d+)/.exec(said)?.[1];
      if (version === undefined) return not('undetected', `${cli.program} is not Apple's container`, INSTALL);
      if (version.localeCompare(OLDEST, 'en', { numeric: true }) < 0)
        return not(
          'unhealthy',
          `container ${version} is too old`,
          `update it to ${OLDEST} or later`,
          version,
        );
      if (process.platform === 'darwin' && Number.parseInt(release(), 10) < OLDEST_DARWIN)
        return not('unhealthy', 'container needs macOS 26 for networks', 'update macOS', version);
      // Down, it says so on stdout, and ends with 1.
      const status = ['system', 'status', '--format=json'];
      const answer = await cli.json<{ status: string }>(status, limit).catch(unless('UNKNOWN'));
      if (answer?.status !== 'running') return not('unhealthy', 'its services do not run', START, version);
      return {
        ...base,
        status: 'healthy',
        version,
        message: `container ${version}, a virtual machine for each sandbox`,
        architecture: ARCHITECTURE,
        // A guest sees the ids of the host's files.
        idMapping: { type: 'identity' },
        sharesHostFiles: true,
        rootless: process.getuid?.() !== 0,
      };
    });
  } catch (error) {
    if (!SandboxError.is(error) || signal?.aborted) throw error;
    const { code, message, hint = START } = error;
    if (message.endsWith('ENOENT')) return not('undetected', `there is no program ${cli.program}`, INSTALL);
    return not(
      'unhealthy',
      message,
      code === 'DEADLINE_EXCEEDED' ? `container system stop, then ${START}` : hint,
    );
  }
}
