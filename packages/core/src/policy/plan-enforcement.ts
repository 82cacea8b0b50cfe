import { AGENT_PIDS } from '@sandbox/guest';
import type { Capabilities, Control, Support } from '../adapter/capabilities.ts';
import type { LimitsSpec, SecuritySpec } from '../adapter/spec.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { type NeededControl, neededControls } from './needed-controls.ts';
import type {
  Enforcement,
  EnforcementReport,
  Lifecycle,
  NetworkMode,
  Policy,
  PolicySource,
  ResolvedPolicy,
} from './policy.ts';
import { NEVER_RELAXED } from './schema.ts';

/** Processes that the agent keeps occupied for itself; added to the user's number in the spec, taken off again in the report. */
export function agentPids(lifecycle: Lifecycle): number {
  return lifecycle === 'ephemeral' ? AGENT_PIDS.session : AGENT_PIDS.init + AGENT_PIDS.session;
}

/** What a package manager needs when a sandbox may be entered as root. */
export const ROOT_CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
];

export interface PlanRequest {
  readonly resolved: ResolvedPolicy;
  /** Of this host: `probe().capabilities`. */
  readonly capabilities: Capabilities;
  /** For messages. */
  readonly runtime: string;
  /** Whether there is a workspace to mount. */
  readonly workspace: boolean;
  /** Whether the sandbox is there already. Whoever made it was told what it goes without; now only what this request asks for is worth a warning. */
  readonly existing?: boolean | undefined;
}

/** One control that this sandbox needs. */
export interface PlannedControl {
  readonly control: Control;
  /** What the policy says, in its unit. */
  readonly requested: Enforcement['requested'];
  readonly source: PolicySource;
  /** What the runtime can do about it here, and how. */
  readonly support: Support;
  readonly how: string;
  /** Whether anything less than what was requested stops the sandbox. Otherwise it is only reported. */
  readonly required: boolean;
}

export interface EnforcementPlan {
  /** The policy as it will hold, with what this runtime cannot give taken out of it. */
  readonly policy: Policy;
  readonly controls: readonly PlannedControl[];
  /** For the spec: null where there is no limit, or none that this runtime can enforce. */
  readonly limits: LimitsSpec;
  readonly network: NetworkMode;
  readonly readOnlyRoot: boolean;
  readonly security: SecuritySpec;
  /** Before anything was read back: `effective` is what is going to be asked of the runtime. */
  readonly report: EnforcementReport;
  readonly warnings: readonly string[];
}

/**
 * Sets the policy against what the runtime can enforce here. A control that somebody asked for (or that a ceiling bounds) and that is not supported is `UNSUPPORTED`,
 * unless the policy leaves it to best effort; a built-in default is applied as far as the runtime can. Both then give one warning.
 * Workspace access, network none, the user and separate namespaces are never relaxed. Pure.
 */
export function planEnforcement(request: PlanRequest): EnforcementPlan {
  const { resolved, fallbackWarning } = withReachableNetwork(request);
  const { policy } = resolved;
  const controls = neededControls(resolved, request.workspace).map((needed) =>
    planControl(needed, policy, request.capabilities),
  );
  refuseUnsupported(controls, request);
  const enforced = (control: Control) =>
    controls.some((row) => row.control === control && row.support !== 'unsupported');
  const unless = <T>(control: Control, value: T): T | null => (enforced(control) ? value : null);
  return {
    policy,
    controls,
    limits: {
      memoryBytes: unless('memory', policy.memoryBytes),
      cpus: unless('cpus', policy.cpus),
      pids: unless('pids', policy.pids + agentPids(resolved.lifecycle)),
      openFiles: unless('open-files', policy.openFiles),
      fileSizeBytes: unless('file-size', policy.fileSizeBytes),
      diskBytes: unless('disk', policy.diskBytes),
    },
    network: policy.network,
    readOnlyRoot: enforced('read-only-root'),
    security: {
      capabilities: unless('capabilities', policy.allowRoot ? ROOT_CAPABILITIES : []),
      noNewPrivileges: enforced('no-new-privileges'),
      seccomp: enforced('seccomp'),
    },
    report: Object.fromEntries(controls.map((row) => [row.control, pendingRow(row)])),
    warnings: [...(request.existing ? [] : fallbackWarning), ...warningsFor(controls, policy, request)],
  };
}

/** A network that nobody insists on gives way to none where the runtime has none to give. */
function withReachableNetwork(request: PlanRequest): { resolved: ResolvedPolicy; fallbackWarning: string[] } {
  const { resolved, capabilities, runtime } = request;
  const { policy, sources } = resolved;
  const full = capabilities.controls['network-full'];
  if (policy.network !== 'full' || full.support !== 'unsupported') return { resolved, fallbackWarning: [] };
  if (sources.network !== 'default' && !policy.bestEffort.includes('network-full'))
    return { resolved, fallbackWarning: [] };
  return {
    resolved: { ...resolved, policy: { ...policy, network: 'none' } },
    fallbackWarning: [
      `network-full: ${runtime} has no network to give here (${full.how}); the sandbox has none`,
    ],
  };
}

function planControl(needed: NeededControl, policy: Policy, capabilities: Capabilities): PlannedControl {
  const { control, requested, source, asked } = needed;
  const { support, how } = capabilities.controls[control];
  const relaxed = policy.bestEffort.includes(control);
  const required = NEVER_RELAXED.includes(control) || (asked && !relaxed);
  return { control, requested, source, support, how, required };
}

function refuseUnsupported(controls: readonly PlannedControl[], { runtime }: PlanRequest): void {
  const refused = controls.filter((row) => row.required && row.support === 'unsupported');
  if (refused.length === 0) return;
  const relaxable = refused.filter((row) => !NEVER_RELAXED.includes(row.control));
  const hint =
    relaxable.length === refused.length
      ? `Go on without with ${relaxable.map((row) => `\`--best-effort ${row.control}\``).join(' ')}, or use another runtime: \`sandbox doctor\` shows what each can enforce.`
      : 'Use another runtime: `sandbox doctor` shows what each can enforce.';
  throw new SandboxError('UNSUPPORTED', `${runtime} cannot enforce ${list(refused)} here`, {
    operation: 'policy',
    runtime,
    hint,
  });
}

function warningsFor(
  controls: readonly PlannedControl[],
  policy: Policy,
  { runtime, capabilities, resolved: { sources }, existing = false }: PlanRequest,
): string[] {
  const news = (source: PolicySource) => !existing || source === 'request';
  const missing = controls.filter((row) => row.support === 'unsupported');
  const bestEffort = missing.filter(
    (row) => policy.bestEffort.includes(row.control) && news(sources.bestEffort),
  );
  const defaults = missing.filter(
    (row) => !bestEffort.includes(row) && !pointless(row.control, capabilities) && news(row.source),
  );
  const limited = controls.filter(
    (row) =>
      row.support === 'limited' &&
      (row.source !== 'default' || row.control === 'network-full') &&
      news(row.source),
  );
  return [
    ...bestEffort.map((row) => `${runtime} cannot enforce ${list([row])} here; left out by best effort`),
    ...(defaults.length === 0 ? [] : [`${runtime} cannot enforce ${list(defaults)} here, and goes without`]),
    ...limited.map((row) => `${row.control} is limited: ${row.how}`),
  ];
}

/** A kernel of its own is what the filter would be for. */
function pointless(control: Control, { boundary }: Capabilities): boolean {
  return control === 'seccomp' && boundary === 'vm';
}

function list(rows: readonly PlannedControl[]): string {
  return rows.map((row) => `${row.control} (${row.how})`).join(', ');
}

function pendingRow({ requested, support, how, source }: PlannedControl): Enforcement {
  return { requested, effective: support === 'unsupported' ? null : requested, status: support, how, source };
}
