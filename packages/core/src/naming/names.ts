import { createHash, randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { SandboxError } from '../errors/sandbox-error.ts';

/** The volume that holds the agent's versions. */
export const AGENT_VOLUME = 'sandbox-agent';

/** The id of a runtime, whoever's: `docker`, `apple-container`. `auto` is none: it asks for the best that is there. */
export const RUNTIME_ID = /^(?!auto$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;
const MAX_NAME = 63;
const HASH_DIGITS = 12;
const ENDS_IN_HASH = /-[0-9a-f]{12}$/;
const HOME_OF_WORKSPACE = /-[0-9a-f]{12}-home$/;
/** Names of users come from everywhere (logins, addresses, directories): anything that can be printed on one line. */
const USER_NAME = /^(?!\s)[^\p{C}\p{Zl}\p{Zp}]{1,128}(?<!\s)$/u;
const ID = /^[A-Za-z0-9_.-]{1,40}$/;
const RESERVED_IDS = new Set(['run', 'project']);

/** The name of a workspace's long-lived sandbox: the same every time. Takes the workspace's *real* path. */
export function longLivedName(realPath: string): string {
  const hash = createHash('sha256').update(realPath).digest('hex').slice(0, HASH_DIGITS);
  return `sandbox-${slug(basename(realPath))}-${hash}`;
}

/** Lower case, digits and single dashes; at most 30 characters; `workspace` when nothing is left. */
export function slug(text: string): string {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-');
  return words.replace(/^-/, '').slice(0, 30).replace(/-$/, '') || 'workspace';
}

/** A new name for an ephemeral sandbox. */
export function ephemeralName(random: Uint8Array = randomBytes(8)): string {
  return `sandbox-run-${Buffer.from(random).toString('hex')}`;
}

/**
 * The name of a task's sandbox: the same every time, and no other pair's. For reading it is `sandbox-<project>-<task>`; where another pair or a workspace could be called that too, or where it
 * is too long, it ends in 12 digits of a hash of both, as names of workspaces do and plain ones never. Both ids are checked by `validateId`.
 */
export function taskName(project: string, task: string): string {
  const plain = `sandbox-${validateId(project, 'project')}-${validateId(task, 'task')}`;
  if (!project.includes('-') && !ENDS_IN_HASH.test(plain) && plain.length <= MAX_NAME) return plain;
  const hash = createHash('sha256').update(`${project}/${task}`).digest('hex').slice(0, HASH_DIGITS);
  return `${plain.slice(0, MAX_NAME - 1 - HASH_DIGITS)}-${hash}`;
}

export function homeVolumeName(name: string): string {
  return `${name}-home`;
}

/** `sandbox-project-<project>`; where the home of a workspace's sandbox could be called that too, a hash that is longer than any id is in place of the id. */
export function projectVolumeName(project: string): string {
  const prefix = 'sandbox-project-';
  const plain = prefix + validateId(project, 'project');
  if (!HOME_OF_WORKSPACE.test(plain)) return plain;
  return (prefix + createHash('sha256').update(project).digest('hex')).slice(0, MAX_NAME);
}

/** Returns the name of a sandbox or volume, or throws `INVALID_ARGUMENT`. A valid name is also safe as a path component, a host name and a word of a command line. */
export function validateName(name: string): string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new SandboxError('INVALID_ARGUMENT', `${JSON.stringify(name)} is not a name of a sandbox`, {
      hint: 'Names have 1 to 63 of A-Z a-z 0-9 _ . - and start with a letter or a digit; `sandbox ls` shows those that there are.',
    });
  }
  return name;
}

/** Returns the id of a project or a task, or throws `INVALID_ARGUMENT`. */
export function validateId(id: string, what: 'project' | 'task'): string {
  const reserved = RESERVED_IDS.has(id);
  if (typeof id !== 'string' || !ID.test(id) || reserved) {
    throw new SandboxError(
      'INVALID_ARGUMENT',
      `${what}: ${JSON.stringify(id)} ${reserved ? 'is reserved' : 'is not an id'}`,
      { hint: 'Ids have 1 to 40 of A-Z a-z 0-9 _ . - and are not `run` or `project`.' },
    );
  }
  return id;
}

/** Returns the name of a user or a job, or throws `INVALID_ARGUMENT`. */
export function validateUserName(name: string, what: 'user' | 'job' = 'user'): string {
  if (typeof name !== 'string' || !USER_NAME.test(name)) {
    throw new SandboxError('INVALID_ARGUMENT', `${JSON.stringify(name)} is not the name of a ${what}`, {
      hint: 'Names have 1 to 128 characters that can be printed, and no space at either end.',
    });
  }
  return name;
}
