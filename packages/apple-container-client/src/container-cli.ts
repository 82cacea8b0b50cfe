import { CommandLine } from '@sandbox/daemonless';
import { programError, RUNTIME } from './errors.ts';

export function containerCli(program: string, callMs: number): CommandLine {
  return new CommandLine({ runtime: RUNTIME, program, callMs, environment, explain: programError });
}

/** Without what would change how it behaves, or what it passes on to a guest. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([key]) => !key.startsWith('CONTAINER_') && key !== 'SSH_AUTH_SOCK',
  );
  return Object.fromEntries(kept);
}
