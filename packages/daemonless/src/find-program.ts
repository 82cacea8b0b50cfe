import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { SandboxError } from '@sandbox/core';

/** The program that somebody named, by its path or by a name on PATH, else the one of this name there. `NOT_FOUND` with the hint. */
export function findProgram(name: string, named: string | undefined, hint: string): string {
  const wanted = named || name;
  const isPath = wanted.includes('/');
  const candidates = isPath
    ? [resolve(wanted)]
    : (process.env.PATH ?? '')
        .split(delimiter)
        .filter(isAbsolute)
        .map((directory) => join(directory, wanted));
  const found = candidates.find(isProgram);
  if (found !== undefined) return found;
  const message = isPath ? `${wanted} is not a program` : `there is no ${wanted} on PATH`;
  throw new SandboxError('NOT_FOUND', message, { hint });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
