import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { SandboxError } from '@sandbox/core';

/** The program that somebody named, else the one of this name on PATH. `NOT_FOUND` with the hint. */
export function findProgram(name: string, named: string | undefined, hint: string): string {
  const candidates = named
    ? [isAbsolute(named) ? named : join(process.cwd(), named)]
    : (process.env.PATH ?? '')
        .split(delimiter)
        .filter(isAbsolute)
        .map((directory) => join(directory, name));
  const found = candidates.find(isProgram);
  if (found !== undefined) return found;
  const message = named ? `${named} is not a program` : `there is no ${name} on PATH`;
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
