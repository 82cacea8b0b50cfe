import { LABEL, type Sandbox, type SandboxDetails, SandboxError } from '@sandbox/core';
import { Box, limitsOf } from './box.ts';
import { LANGUAGE_LABEL, PROJECT_LABEL, TASK_LABEL } from './create.ts';
import { HttpError } from './problem.ts';
import type { SandboxView } from './schemas.ts';
import type { Service } from './service.ts';

/** The sandbox of that id, if it is this user's: what belongs to others is not there. */
export async function boxOf(service: Service, user: string, id: string): Promise<Box> {
  const box = service.life.find(user, id) ?? (await fromBefore(service, user, id));
  if (box !== undefined && mayHave(service, user, box.facts.workspace)) return box;
  throw notThere(id);
}

export function notThere(id: string): HttpError {
  return new HttpError('NOT_FOUND', `there is no sandbox ${JSON.stringify(id.slice(0, 100))}`, {
    hint: 'GET /sandbox lists those that there are.',
  });
}

/** All of a user, as they are now; those of before too that the service has not been asked for since. */
export async function boxesOf(service: Service, user: string): Promise<SandboxView[]> {
  const { life, sandboxes } = service;
  const details = await sandboxes.list({ onUnavailable: () => {} });
  const states = new Map(details.map(({ name, state }) => [name, state]));
  const owners = new Map(details.map((one) => [one.name, one.user]));
  const boxes = [...life.boxes].filter(
    (box) =>
      box.facts.user === user &&
      box.removing === undefined &&
      (owners.get(box.id) ?? user) === user &&
      mayHave(service, user, box.facts.workspace),
  );
  const known = new Set(boxes.map(({ id }) => id));
  return [
    ...boxes.map((box) => box.view(states.get(box.id) ?? 'unknown', life.idleTtlMs)),
    ...details.filter((one) => !known.has(one.name) && isOurs(service, one, user)).map(viewOf),
  ];
}

function viewOf(details: SandboxDetails): SandboxView {
  const { name, runtime, state, labels, createdAt, enforcement } = details;
  return {
    ...{ id: name, name, adapter: runtime, state, lifecycle: 'long-lived', expiresAt: null },
    runtime: labels[LANGUAGE_LABEL] ?? 'unknown',
    user: details.user ?? '',
    createdAt: (createdAt ?? new Date(0)).toISOString(),
    files: [],
    limits: { ...limitsOf(enforcement), timeoutMs: null },
    enforcement: enforcement as SandboxView['enforcement'],
    warnings: [],
    codeWarnings: [],
    project: labels[PROJECT_LABEL] ?? null,
    task: labels[TASK_LABEL] ?? null,
  };
}

/** A long-lived sandbox that the service made before it was started again. */
async function fromBefore(service: Service, user: string, id: string): Promise<Box | undefined> {
  const { sandboxes, life, languages } = service;
  if (!/^sandbox-[a-z0-9-]{1,55}$/.test(id)) return undefined;
  let sandbox: Sandbox;
  try {
    sandbox = await sandboxes.get(id, { user });
  } catch (error) {
    if (SandboxError.is(error) && (error.code === 'NOT_FOUND' || error.code === 'PERMISSION_DENIED'))
      return undefined;
    throw error;
  }
  const details = await sandbox.inspect();
  if (!isOurs(service, details, user)) {
    await sandbox.close();
    return undefined;
  }
  // Of one that is missing there is a home to look at, to make it again with, or to remove.
  const missing = details.state === 'missing';
  if (!missing) await sandbox.start();
  const language = languages.find(details.labels[LANGUAGE_LABEL] ?? '') ?? null;
  const { labels, createdAt = new Date(), workspace } = details;
  const tags = { project: labels[PROJECT_LABEL], task: labels[TASK_LABEL] };
  const facts = { user, sandbox, language, createdAt, workspace: workspace ?? undefined, missing };
  return life.adopt(new Box({ ...facts, ...tags, keep: true, release: () => {} }));
}

/** Made by the service for this user, in a directory that is still the user's to take. */
function isOurs(service: Service, details: SandboxDetails, user: string): boolean {
  const { labels, lifecycle, workspace } = details;
  if (lifecycle !== 'long-lived' || details.user !== user || labels[LANGUAGE_LABEL] === undefined)
    return false;
  // A task's has the volume of its project, and no directory of this machine.
  if (workspace === null) return labels[LABEL.project] !== undefined;
  return mayHave(service, user, workspace);
}

/** Whether a directory of this machine is the user's to take, as the roots are now. */
function mayHave(service: Service, user: string, workspace: string | undefined): boolean {
  if (workspace === undefined) return true;
  const roots = service.access.workspaceRoots(user);
  return roots.some((root) => workspace === root || workspace.startsWith(`${root}/`));
}
