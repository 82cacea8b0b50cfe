import { GUEST_SCRATCH, type PolicyInput, parseBytes, parseDuration, type Sandbox } from '@sandbox/core';
import { type Language, languageFailure, languageOptions } from '@sandbox/languages';
import { Box } from './box.ts';
import { warningsOf } from './code-warnings.ts';
import { newFile, storeFiles } from './files.ts';
import { HttpError } from './problem.ts';
import type { CreateRequest } from './schemas.ts';
import type { Service } from './service.ts';

/** Labels by which one that outlives the service is known again. */
export const LANGUAGE_LABEL = 'dev.sandbox-server.language';
export const PROJECT_LABEL = 'dev.sandbox-server.project';
export const TASK_LABEL = 'dev.sandbox-server.task';

export interface Creation {
  readonly user: string;
  readonly signal: AbortSignal;
  /** Gives the sandbox's place back. */
  readonly release: () => void;
}

/** Makes a sandbox with its files. Executes nothing. After a failure nothing of it is left. */
export async function createBox(service: Service, request: CreateRequest, creation: Creation): Promise<Box> {
  const language = languageOf(service, request.runtime);
  checkImage(request.image);
  // A wrong file is found before anything is made.
  const files = (request.files ?? []).map(newFile);
  // While the sandbox is made.
  const found = warningsOf(service.checkCode, language, request.code, creation.signal);
  const sandbox = await obtain(service, request, language, creation).catch((error) => {
    throw languageFailure(language, error, request.image);
  });
  try {
    const { user, signal, release } = creation;
    const { code, project, task, keep = false, keepMs } = request;
    const stored = await storeFiles(sandbox, files, signal);
    const codeWarnings = await found;
    const workspace = request.workspace === undefined ? undefined : (await sandbox.inspect()).workspace;
    return new Box({
      ...{
        user,
        workspace: workspace ?? undefined,
        language,
        sandbox,
        createdAt: new Date(),
        code,
        codeWarnings,
        files: stored,
        project,
        task,
        release,
      },
      ...{ keep: keep || keepMs !== undefined, keepMs },
    });
  } catch (error) {
    // What is made for this request goes with it, and what was there before stays.
    await sandbox[Symbol.asyncDispose]().catch(() => {});
    throw error;
  }
}

async function obtain(
  service: Service,
  request: CreateRequest,
  language: Language,
  { user, signal }: Creation,
): Promise<Sandbox> {
  const { sandboxes, access } = service;
  const { adapter, workspace, project, task, lifecycle = 'ephemeral' } = request;
  const options = {
    runtime: adapter,
    ...languageOptions(language, request.image),
    policy: policyOf(request),
    workdir: GUEST_SCRATCH,
    workspaceRoots: access.workspaceRoots(user),
    labels: {
      [LANGUAGE_LABEL]: language.id,
      ...(project !== undefined && { [PROJECT_LABEL]: project }),
      ...(task !== undefined && { [TASK_LABEL]: task }),
    },
    purpose: { language: language.id, project, task },
    user,
    signal,
  };
  if (lifecycle === 'ephemeral') return sandboxes.create({ ...options, workspace });
  if (workspace !== undefined) return sandboxes.open({ ...options, workspace, lifecycle });
  if (project !== undefined && task !== undefined)
    return sandboxes.open({ ...options, project, task, keep: true });
  throw new HttpError(
    'INVALID_ARGUMENT',
    'a long-lived sandbox is that of a workspace or of a task, and none is named',
    {
      hint: 'Give `workspace`, or `project` and `task`, or leave `lifecycle` out.',
    },
  );
}

export function languageOf({ languages }: Pick<Service, 'languages'>, name: string): Language {
  const language = languages.find(name);
  if (language !== undefined) return language;
  const known = languages.languages.map(({ id }) => id).join(', ');
  throw new HttpError('INVALID_ARGUMENT', `there is no language ${JSON.stringify(name)}`, {
    hint: `Languages: ${known}. The engine is chosen with \`adapter\`.`,
  });
}

/** A path would be a directory of this machine as the guest's root, whoever's it is: only the operator may name one. */
function checkImage(image: string | undefined): void {
  if (image === undefined || /^[A-Za-z0-9]/.test(image)) return;
  throw new HttpError('PERMISSION_DENIED', 'an image that is a path is not taken from a request', {
    hint: 'Name an image; directories of this machine are for `image` in sandbox.toml.',
  });
}

function policyOf({ limits = {}, ...request }: CreateRequest): PolicyInput {
  const bytes = (value: number | string | null | undefined, what: string) =>
    typeof value === 'string' ? parseBytes(value, what) : value;
  const { timeoutMs } = limits;
  return {
    memoryBytes: bytes(limits.memoryBytes, 'memoryBytes') ?? undefined,
    cpus: limits.cpus,
    pids: limits.pids,
    openFiles: limits.openFiles,
    fileSizeBytes: bytes(limits.fileSizeBytes, 'fileSizeBytes'),
    diskBytes: bytes(limits.diskBytes, 'diskBytes'),
    tmpfsBytes: bytes(limits.tmpfsBytes, 'tmpfsBytes') ?? undefined,
    timeoutMs: typeof timeoutMs === 'string' ? parseDuration(timeoutMs, 'timeoutMs') : timeoutMs,
    network: request.network,
    workspaceAccess: request.workspaceAccess,
    user: request.user,
    bestEffort: request.bestEffort,
    env: request.env,
  };
}
