import { SandboxError } from '../errors/sandbox-error.ts';

/** Processors from `2`, `1.5` or `"0.25"`: more than 0, fractions allowed. Anything else is `INVALID_ARGUMENT`; `what` names the option in the message. */
export function parseCpus(value: string | number, what = 'cpus'): number {
  const text = String(value).trim();
  const cpus = /^(\d+(\.\d+)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (!(cpus > 0 && Number.isFinite(cpus))) {
    throw new SandboxError(
      'INVALID_ARGUMENT',
      `${what}: ${JSON.stringify(value)} is not a number of processors`,
      {
        hint: 'Write a number above 0, fractions allowed: 2, 1.5, 0.25.',
      },
    );
  }
  return cpus;
}
