import { ADAPTER_API_VERSION, SandboxError } from '@sandbox/core';

/** `FAILED_PRECONDITION` where what `name` brings was written for another version of the contract. */
export function checkVersion(name: string, apiVersion: number): void {
  if (apiVersion === ADAPTER_API_VERSION) return;
  throw refused(
    `${name} was written for version ${apiVersion} of the contract, and this program has ${ADAPTER_API_VERSION}`,
    `Install a version of ${apiVersion > ADAPTER_API_VERSION ? 'this program' : name} that fits.`,
  );
}

export function refused(message: string, hint: string, cause?: unknown): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', message, { operation: 'adapters', hint, cause });
}
