import { detachedUse } from '../detached/detached-use.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { ExistingRequest } from '../kept/existing.ts';
import { checkUser, type FoundSandbox, findSandbox } from '../kept/find-sandbox.ts';
import { findOrMake, type Making } from '../kept/long-lived.ts';
import { startLongLived } from '../kept/long-lived-guest.ts';
import { checkEnabled, knownCaller } from '../launch/caller.ts';
import { launchSignal } from '../launch/ephemeral.ts';
import { makeSandbox, removeReplaced, removeSandbox } from '../launch/launch.ts';
import { checkCount, imageFor, type LaunchPlan, planLaunch, resolveRequest } from '../launch/launch-plan.ts';
import { selectRuntime } from '../launch/select-runtime.ts';
import { judgeInstance } from '../naming/instance.ts';
import { parseLabels } from '../naming/labels.ts';
import { projectVolumeName, taskName } from '../naming/names.ts';
import { type ProjectLabels, projectLabelsFor } from '../naming/project-labels.ts';
import { lookupProcess, readInstance } from '../naming/read-instance.ts';
import { ceilingFor, chooseLifecycle } from '../policy/ceilings.ts';
import type { PolicyInput } from '../policy/policy.ts';
import type { SandboxHandle } from '../sandbox/sandbox-handle.ts';
import type { EndTaskOptions, OpenOptions, TaskOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import { inTurn } from '../services/turns.ts';
import { addTools, wantedTools } from '../tools/wanted-tools.ts';
import {
  checkProjectOwner,
  chooseProject,
  findProject,
  hasProject,
  newProject,
  removeNewProject,
} from './projects.ts';

interface TaskRequest extends ExistingRequest {
  readonly name: string;
  readonly project: string;
  readonly task: string;
  readonly keep: boolean;
}

export function isTask(options: OpenOptions | TaskOptions): options is TaskOptions {
  const { project, task } = options as TaskOptions;
  return project !== undefined || task !== undefined;
}

/** The sandbox of a task, with its project's volume at `/workspace`: found, started or made. Programs that ask at the same moment get the same one. */
export async function openTask(services: Services, given: TaskOptions): Promise<SandboxHandle> {
  checkEnabled(services.settings, 'open');
  const { project, task, keep = false } = given;
  const name = taskName(project, task);
  if (given.workspace !== undefined) throw refused('workspace', "its project's volume is at /workspace");
  checkPolicy(given.policy);
  const caller = knownCaller(services.settings, given);
  const { options, settings } = caller;
  const { trust } = settings;
  const ceiling = ceilingFor(trust, settings.ceilings);
  chooseLifecycle({ asked: 'long-lived', configured: settings.lifecycle, trust, ceiling });
  const resolved = resolveRequest('long-lived', caller, { profile: 'strict' });
  if (resolved.policy.workspaceAccess === 'none')
    throw refused('workspaceAccess none', 'what it works on is at /workspace');
  const signal = launchSignal(services, options.signal);
  const request: TaskRequest = {
    ...{ name, project, task, keep, options, resolved, workspace: null, signal },
    tools: wantedTools(caller),
  };
  return inTurn(services, { key: name, signal, operation: 'open', sandbox: name }, () =>
    findOrMake(services, {
      ...request,
      check: (found) => checkTask(found, request),
      isOver: (found) => isOrphaned(services, found),
      make: (making) => make(services, request, making),
    }),
  );
}

/** Removes the sandbox of a task, whoever uses it; the project's volume stays. False when there was none. */
export async function endTask(
  services: Services,
  project: string,
  task: string,
  { user, signal }: EndTaskOptions,
): Promise<boolean> {
  const name = taskName(project, task);
  return inTurn(services, { key: name, signal, operation: 'endTask', sandbox: name }, async () => {
    const { found, unasked } = await findSandbox(services, name, { signal });
    const [first] = unasked;
    if (found === undefined && first !== undefined) {
      const message = `it cannot be told whether there is a task ${task} of project ${project}: ${first.message}`;
      throw new SandboxError('UNAVAILABLE', message, {
        ...{ operation: 'endTask', sandbox: name, runtime: first.runtime, hint: first.hint, cause: first },
      });
    }
    if (found === undefined) return false;
    checkTask(found, { name, project, task });
    if (user !== undefined) checkUser(found, user, 'endTask');
    const held = [...services.held].filter((handle) => handle.name === name);
    await Promise.allSettled(held.map((handle) => handle.close()));
    await removeSandbox(services, found.adapter, name, { volumes: true, signal });
    return true;
  });
}

/** Two things are what makes it a task's. */
function checkPolicy({ profile, user }: PolicyInput = {}): void {
  if (profile === 'workspace') throw refused('profile', 'its system is read-only');
  if (user != null) throw refused('user', 'its user is that of its project, always the same');
}

function refused(key: string, why: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', `${key} does not go with a task: ${why}`, {
    operation: 'open',
    hint: `Leave ${key} out, or open a workspace in place of a task.`,
  });
}

/** What makes it this task's sandbox are its labels; the name is for reading. */
function checkTask(
  { adapter, info }: FoundSandbox,
  { name, project, task }: Pick<TaskRequest, 'name' | 'project' | 'task'>,
): void {
  const labels = parseLabels(info.labels);
  if (labels?.project === project && labels.task === task) return;
  throw new SandboxError('FAILED_PRECONDITION', `${name} is not the sandbox of this task`, {
    ...{ operation: 'open', runtime: adapter.runtime, sandbox: name },
    hint: `Use another id, or remove what has that name: \`sandbox rm ${name}\`.`,
  });
}

/** The program that made it has ended, and nobody uses it: cleanup would remove it any moment. */
async function isOrphaned(services: Services, { adapter, info }: FoundSandbox): Promise<boolean> {
  const labels = parseLabels(info.labels);
  const isHeld = [...services.held].some(({ name }) => name === info.name);
  // Where the runtime cannot tell whether somebody uses it, it may be in use.
  if (labels === null || labels.kept !== undefined || isHeld || info.sessions !== 0) return false;
  if (judgeInstance(labels.instance, readInstance(), lookupProcess) !== 'dead') return false;
  return (await detachedUse(services, adapter, info)) === null;
}

async function make(services: Services, request: TaskRequest, { replaced }: Making): Promise<SandboxHandle> {
  const { name, project, task, keep, options, resolved, signal } = request;
  const { found, unasked } = await findProject(services, project, signal);
  const asked = replaced?.adapter.runtime ?? options.runtime;
  const known = chooseProject(project, found, asked, 'open');
  if (known !== undefined) checkProjectOwner(known, options.user, 'open');
  const selected = await selectRuntime(services, {
    ...{ runtime: known?.adapter.runtime ?? asked, resolved, workspace: true, signal },
    facets: ['long-lived', 'volumes'],
  });
  const { adapter } = selected;
  if (replaced === undefined) await checkCount(services, resolved, options.user ?? null);
  const image = await imageFor(services, adapter, resolved, { ...options, signal });
  const tools = await addTools(services, { adapter, resolved, tools: request.tools, options, signal });
  const labels =
    known?.labels ?? (await newProject(services, selected, { project, user: options.user, signal }));
  const planned = planLaunch(services, {
    ...{ lifecycle: 'long-lived', name, resolved, selected, workspace: null, options },
    ...{ image: tools.layer ?? image, layer: tools.layer?.name, tools: tools.tools },
    task: {
      ...{ project, task, keep, volume: projectVolumeName(project), identity: labels.ids },
      volumeLabels: projectLabelsFor(labels),
    },
  });
  // Where the volume is, there are all tasks of its project.
  const elsewhere = known === undefined ? unasked.map(perhapsElsewhere) : [];
  const launch = { ...planned, warnings: [...planned.warnings, ...tools.warnings, ...elsewhere] };
  if (replaced !== undefined)
    await removeReplaced(services, adapter, replaced.info, { volumes: true, signal });
  try {
    const readback = await makeSandbox(services, launch, { signal, isOneMore: replaced === undefined });
    await checkVolume(services, launch, labels, { isNew: known === undefined, signal });
    return await startLongLived(services, launch, readback, signal);
  } catch (error) {
    if (known === undefined) await removeNewProject(services, adapter, labels);
    throw error;
  }
}

function perhapsElsewhere({ runtime, message }: SandboxError): string {
  return `${runtime} could not be asked whether it has the volume of this project: ${message}`;
}

/** What the sandbox has otherwise is not the project's, or not for this user, or would go with the sandbox. */
async function checkVolume(
  services: Services,
  { adapter, spec: { name } }: LaunchPlan,
  planned: ProjectLabels,
  { isNew, signal }: { readonly isNew: boolean; readonly signal: AbortSignal },
): Promise<void> {
  if (await hasProject(services, adapter, planned, { isNew, signal })) return;
  await removeSandbox(services, adapter, name, { volumes: true, signal });
  const message = `the volume of project ${planned.project} was made or removed by somebody else meanwhile`;
  throw new SandboxError('NOT_FOUND', message, {
    ...{ operation: 'start', runtime: adapter.runtime, sandbox: name, hint: 'Try again.' },
  });
}
