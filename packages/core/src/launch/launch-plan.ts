import type { ProbeResult, RuntimeAdapter } from '../adapter/adapter.ts';
import type { SandboxSpec } from '../adapter/spec.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { ImageRequest } from '../images/image-cache.ts';
import { readImageNotes } from '../images/image-notes.ts';
import { buildSpec, systemPath } from '../lifecycle/build-spec.ts';
import { isUnused } from '../lifecycle/select-for-cleanup.ts';
import type { RootSource, UsedOfImage } from '../lifecycle/spec-request.ts';
import type { Purpose } from '../monitoring/purpose.ts';
import { purposeOf } from '../monitoring/purpose.ts';
import { homeDirectory } from '../naming/home-directory.ts';
import { judgeInstance } from '../naming/instance.ts';
import { labelsFor } from '../naming/labels.ts';
import { ephemeralName } from '../naming/names.ts';
import { lookupProcess, readInstance } from '../naming/read-instance.ts';
import { checkSandboxCount } from '../policy/ceilings.ts';
import { policyHash, policyLabel } from '../policy/compare-policies.ts';
import { guestIdentity } from '../policy/guest-identity.ts';
import type { EnforcementPlan } from '../policy/plan-enforcement.ts';
import type { Lifecycle, PolicyInput, ResolvedPolicy } from '../policy/policy.ts';
import { resolvePolicy } from '../policy/resolve-policy.ts';
import type { GuestUser } from '../policy/user.ts';
import type { SandboxRecord } from '../registry/registry.ts';
import type { CreateOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import { lackingPrograms } from '../tools/host-tools.ts';
import { type CheckedWorkspace, checkWorkspace } from '../workspace/check-workspace.ts';
import { protectedByEndpoint } from '../workspace/protected-paths.ts';
import { agentArgv, newInitKey } from './agent-argv.ts';
import type { KnownCaller } from './caller.ts';
import type { SelectedRuntime } from './select-runtime.ts';

/** All that is decided before anything is made. */
export interface LaunchPlan {
  readonly adapter: RuntimeAdapter;
  readonly probe: ProbeResult;
  readonly runtimeReason: string;
  readonly resolved: ResolvedPolicy;
  readonly plan: EnforcementPlan;
  readonly spec: SandboxSpec;
  readonly record: SandboxRecord;
  readonly workspace: CheckedWorkspace | null;
  readonly warnings: readonly string[];
  /** What its commands are for that do not say. */
  readonly purpose: Purpose;
}

export interface LaunchRequest {
  readonly lifecycle: Lifecycle;
  readonly resolved: ResolvedPolicy;
  readonly selected: SelectedRuntime;
  readonly workspace: CheckedWorkspace | null;
  readonly image: UsedOfImage | undefined;
  /** Name of the image with the development tools, on top of the one that was asked for. */
  readonly layer?: string | undefined;
  /** Names of the development tools that are in it. */
  readonly tools?: readonly string[] | undefined;
  readonly options: CreateOptions;
  /** Default: a new one, for an ephemeral sandbox. */
  readonly name?: string | undefined;
  /** In place of a workspace. */
  readonly task?: TaskOfLaunch | undefined;
  /** Of a long-lived sandbox that is there; null where it has none. Default: a new one. */
  readonly initKey?: string | null | undefined;
  /** Of one that is there. Default: that of the image. */
  readonly systemPath?: string | undefined;
}

/** Which task's sandbox it is, and what it has at `/workspace`. */
export interface TaskOfLaunch {
  readonly project: string;
  readonly task: string;
  readonly volume: string;
  /** Of the volume, where it is not there yet. */
  readonly volumeLabels: Readonly<Record<string, string>>;
  /** Whom the volume belongs to, and who every guest of the project is. */
  readonly identity: GuestUser;
  /** Whether it outlives the program that makes it. */
  readonly keep: boolean;
}

/** One policy of all that was said, and of who says it. */
export function resolveRequest(
  lifecycle: Lifecycle,
  { options, settings }: KnownCaller<CreateOptions>,
  more: PolicyInput = {},
): ResolvedPolicy {
  const { trust, ceilings, layers } = settings;
  const values: PolicyInput = { ...options.policy, ...defined({ image: options.image, ...more }) };
  return resolvePolicy({
    ...{ lifecycle, trust, ceilings },
    layers: [...layers[lifecycle], { source: 'request', values }],
  });
}

/** What of the root file system was asked for: an image, a directory, or, where the runtime has no images, the host's own `/usr`. */
export function rootFor(
  adapter: RuntimeAdapter,
  resolved: ResolvedPolicy,
  { programs }: Pick<CreateOptions, 'programs'>,
): RootSource {
  const { image } = resolved.policy;
  if (image.startsWith('/')) return { type: 'directory', path: image };
  if (adapter.images !== undefined) return { type: 'image', image };
  // What is configured is for runtimes that have images.
  if (resolved.sources.image !== 'request' || programs !== undefined) return { type: 'host' };
  throw new SandboxError('UNSUPPORTED', `${adapter.runtime} has no images, and ${image} was asked for`, {
    operation: 'create',
    runtime: adapter.runtime,
    hint: `Unpack it with an engine that has it: \`sandbox images unpack ${image} DIR\`, and give that directory's absolute path as the image; or leave the image out.`,
  });
}

/** What is known of the image that was asked for, which is pulled where it is missing, or of the one that a directory was unpacked from. Undefined for another root file system. */
export async function imageFor(
  services: Services,
  adapter: RuntimeAdapter,
  resolved: ResolvedPolicy,
  options: Omit<ImageRequest, 'image'> & Pick<CreateOptions, 'programs'>,
): Promise<UsedOfImage | undefined> {
  const root = rootFor(adapter, resolved, options);
  if (root.type === 'directory') return readImageNotes(root.path);
  if (root.type === 'host') await checkPrograms(adapter, options);
  return root.type === 'image'
    ? services.images.ensure(adapter, { ...options, image: root.image })
    : undefined;
}

async function checkPrograms(
  { runtime }: RuntimeAdapter,
  { programs = [] }: Pick<CreateOptions, 'programs'>,
): Promise<void> {
  const lacking = await lackingPrograms('/', programs);
  if (lacking.length === 0) return;
  throw new SandboxError(
    'UNSUPPORTED',
    `${runtime} has no images, and this host has no ${lacking.join(', ')}`,
    {
      operation: 'create',
      runtime,
      hint: 'Install it where every user finds it, such as in /usr/bin, or use a runtime with images.',
    },
  );
}

/** Brings everything together into what the adapter is to make, and what is recorded of it. */
export function planLaunch(services: Services, request: LaunchRequest): LaunchPlan {
  const { lifecycle, resolved, selected, workspace, task, options } = request;
  const { adapter, probe, plan, reason: runtimeReason } = selected;
  const mounted = plan.policy.workspaceAccess === 'none' ? null : workspace;
  if (mounted !== null) checkSharesFiles(adapter, probe, mounted.path);
  const name = request.name ?? ephemeralName();
  const record = recordFor(services, { ...request, name });
  const agent = services.agent();
  const identity =
    task?.identity ??
    guestIdentity({
      workspaceOwner: mounted?.owner ?? null,
      workspacePath: mounted?.path,
      workspaceAccess: plan.policy.workspaceAccess,
      idMapping: probe.idMapping,
      requestedUser: plan.policy.user,
      profile: plan.policy.profile,
      allowRoot: plan.policy.allowRoot,
      caller: caller(),
    });
  const { initKey: existingKey = newInitKey() } = request;
  const initKey = lifecycle === 'long-lived' && existingKey !== null ? existingKey : undefined;
  const spec = buildSpec({
    name,
    lifecycle,
    plan,
    agent,
    labels: labelsOf(services, record, { ...request, task, plan, identity, agent: agent.digest, initKey }),
    root:
      request.layer === undefined
        ? rootFor(adapter, resolved, options)
        : { type: 'image', image: request.layer },
    image: request.image,
    workspace: task
      ? { type: 'volume', volume: task.volume, labels: task.volumeLabels }
      : mounted && { type: 'directory', path: mounted.path },
    identity,
    argv: agentArgv(agent, lifecycle === 'ephemeral' ? 'session' : 'init', initKey),
    workdir: options.workdir,
  });
  const warnings = [...resolved.warnings, ...plan.warnings];
  return {
    ...{ adapter, probe, runtimeReason, resolved, plan, spec, record, workspace: mounted, warnings },
    purpose: purposeOf(task, options.purpose),
  };
}

function recordFor(services: Services, request: LaunchRequest & { readonly name: string }): SandboxRecord {
  const { now, boot } = services.clock();
  return {
    name: request.name,
    runtime: request.selected.adapter.runtime,
    lifecycle: request.lifecycle,
    workspace: request.workspace?.path ?? null,
    user: request.options.user ?? null,
    trust: request.resolved.trust,
    instance: services.instance(),
    createdAt: now,
    lastUsedAt: now,
    lastUsedBoot: boot,
  };
}

function labelsOf(
  services: Services,
  record: SandboxRecord,
  more: Pick<LaunchRequest, 'options' | 'image' | 'tools' | 'systemPath'> & {
    plan: EnforcementPlan;
    identity: GuestUser;
    task: TaskOfLaunch | undefined;
    agent: string;
    initKey: string | undefined;
  },
): Record<string, string> {
  const { policy } = more.plan;
  const isKept = record.lifecycle === 'long-lived';
  return labelsFor(
    {
      name: record.name,
      runtime: record.runtime,
      lifecycle: record.lifecycle,
      workspace: record.workspace ?? undefined,
      user: record.user ?? undefined,
      trust: record.trust ?? undefined,
      cron: more.options.cron,
      createdAt: record.createdAt,
      instance: record.instance,
      agent: more.agent,
      project: more.task?.project,
      task: more.task?.task,
      kept: more.task?.keep ? 'true' : undefined,
      policyHash: policyHash(policy, more.identity),
      policy: policyLabel(policy, more.identity),
      scope: services.scope,
      registry: services.registry.id,
      initKey: more.initKey,
      tools: more.tools?.join(' ') || undefined,
      path: isKept ? (more.systemPath ?? systemPath(more.image)) : undefined,
    },
    more.options.labels,
  );
}

/** Looks once more at a workspace, now that it is known where the runtime has its socket. */
export async function checkAtRuntime(workspace: CheckedWorkspace, { probe }: SelectedRuntime): Promise<void> {
  if (!probe.endpoint?.startsWith('unix:')) return;
  await checkWorkspace(workspace.path, {
    protectedPaths: protectedByEndpoint(probe.endpoint, homeDirectory()),
  });
}

/**
 * Refuses one more sandbox to a user who has as many as the trust level allows. Of those that are asked for at the same moment each is recorded first, and
 * then only those count that were before it.
 */
export async function checkCount(
  { registry }: Services,
  { ceiling, trust }: ResolvedPolicy,
  user: string | null,
  recorded?: SandboxRecord,
): Promise<void> {
  if (ceiling.maxSandboxes === undefined) return;
  const records = await registry.list();
  const others = records.filter((other) => other.user === user && (!recorded || isBefore(other, recorded)));
  checkSandboxCount(others.filter(mayBeThere).length, trust, ceiling);
}

function isBefore(other: SandboxRecord, { name, createdAt }: SandboxRecord): boolean {
  const ageMs = createdAt.getTime() - other.createdAt.getTime();
  return ageMs === 0 ? other.name < name : ageMs > 0;
}

/** Not what has ended with the program that made it, nor what a program had begun to make that was killed. */
function mayBeThere(record: SandboxRecord): boolean {
  if (record.lifecycle === 'long-lived' && !isUnused(record)) return true;
  return judgeInstance(record.instance, readInstance(), lookupProcess) !== 'dead';
}

function checkSharesFiles(adapter: RuntimeAdapter, probe: ProbeResult, path: string): void {
  if (probe.sharesHostFiles !== false) return;
  throw new SandboxError(
    'FAILED_PRECONDITION',
    `${adapter.runtime} does not see this machine's files, so ${path} cannot be mounted`,
    {
      operation: 'create',
      runtime: adapter.runtime,
      hint: 'Leave the workspace out and upload files, or use an engine on this machine.',
    },
  );
}

function caller(): { uid: number; gid: number } | undefined {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

function defined(values: PolicyInput): PolicyInput {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
