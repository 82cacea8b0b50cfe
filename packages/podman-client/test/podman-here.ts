import { spawnSync } from 'node:child_process';

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/).filter(Boolean);

/** Whether these tests run: a Podman that can be started is here, or SANDBOX_RUNTIMES names it, so that its absence is a failure. Named without it: they do not. */
export function podmanIsHere(): boolean {
  if (process.platform !== 'linux') return false;
  if (named.length > 0) return named.includes('podman');
  return spawnSync('podman', ['info'], { stdio: 'ignore' }).status === 0;
}
