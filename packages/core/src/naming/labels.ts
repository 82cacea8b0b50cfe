import { SandboxError } from '../errors/sandbox-error.ts';
import type { Lifecycle, Trust } from '../policy/policy.ts';
import { TRUST_LEVELS } from '../policy/policy.ts';

export const LABEL_PREFIX = 'dev.sandbox.';

/** Every label that we put on sandboxes and on what belongs to them. */
export const LABEL = {
  managed: 'dev.sandbox.managed',
  name: 'dev.sandbox.name',
  runtime: 'dev.sandbox.runtime',
  lifecycle: 'dev.sandbox.lifecycle',
  workspace: 'dev.sandbox.workspace',
  user: 'dev.sandbox.user',
  trust: 'dev.sandbox.trust',
  /** The job that made it. */
  cron: 'dev.sandbox.cron',
  createdAt: 'dev.sandbox.created-at',
  instance: 'dev.sandbox.instance',
  agent: 'dev.sandbox.agent',
  policyHash: 'dev.sandbox.policy-hash',
  /** What `policy-hash` is the hash of, so that a later program can tell a stricter request from a looser one. */
  policy: 'dev.sandbox.policy',
  project: 'dev.sandbox.project',
  task: 'dev.sandbox.task',
  /** Of a task that outlives the program which made it. */
  kept: 'dev.sandbox.kept',
  /** Of a project's volume: who its guests are, `uid:gid`. */
  ids: 'dev.sandbox.ids',
  scope: 'dev.sandbox.scope',
  /** Of the registry that knows when it is used. */
  registry: 'dev.sandbox.registry',
  /** What a sandbox's main process asks of who wants detached commands of it. No command in the sandbox can know it. */
  initKey: 'dev.sandbox.init-key',
  /** Names of the development tools that it was made with, with spaces between. */
  tools: 'dev.sandbox.tools',
  /** Of images: which of all builds has left it. */
  build: 'dev.sandbox.build',
  /** Of images: which language it is built for. */
  language: 'dev.sandbox.language',
  /** Of images of languages: hash of what they are built with, and what they are built on. */
  recipe: 'dev.sandbox.recipe',
  base: 'dev.sandbox.base',
  /** PATH of those who enter as somebody else than its own user: without what that user installs. */
  path: 'dev.sandbox.path',
} as const;

/** What the labels say, in our own types. */
export interface SandboxLabels {
  readonly name: string;
  readonly runtime?: string | undefined;
  readonly lifecycle: Lifecycle;
  readonly workspace?: string | undefined;
  readonly user?: string | undefined;
  readonly trust?: Trust | undefined;
  readonly cron?: string | undefined;
  readonly createdAt?: Date | undefined;
  /** As `formatInstance` writes it. */
  readonly instance?: string | undefined;
  /** Digest of the agent's build. */
  readonly agent?: string | undefined;
  readonly policyHash?: string | undefined;
  /** As `policyLabel` writes it. */
  readonly policy?: string | undefined;
  readonly project?: string | undefined;
  readonly task?: string | undefined;
  readonly kept?: 'true' | undefined;
  readonly scope?: string | undefined;
  readonly registry?: string | undefined;
  /** 32 bytes in base64url. */
  readonly initKey?: string | undefined;
  readonly tools?: string | undefined;
  readonly path?: string | undefined;
}

/**
 * The labels of a new sandbox, `managed=true` among them. `extra` are a caller's own; one that starts with our prefix is `INVALID_ARGUMENT`, because labels
 * decide what cleanup may remove.
 */
export function labelsFor(
  values: SandboxLabels,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(extra)) {
    checkExtra(key, value);
    labels[key] = value;
  }
  labels[LABEL.managed] = 'true';
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    labels[LABEL[key as keyof SandboxLabels]] = value instanceof Date ? value.toISOString() : value;
  }
  return labels;
}

function checkExtra(key: string, value: unknown): void {
  const reserved = key.startsWith(LABEL_PREFIX);
  if (key !== '' && !reserved && typeof value === 'string') return;
  throw new SandboxError(
    'INVALID_ARGUMENT',
    `label ${JSON.stringify(key)} ${reserved ? `is reserved: ${LABEL_PREFIX} is ours` : 'needs a key and a text as its value'}`,
    { hint: 'Give labels a prefix of your own: com.example.team=blue.' },
  );
}

/** The other way round; null for what is not ours. A value that cannot be read is left out: labels may come from another version, or from another program. */
export function parseLabels(labels: Readonly<Record<string, string>>): SandboxLabels | null {
  const name = labels[LABEL.name];
  const lifecycle = labels[LABEL.lifecycle];
  if (labels[LABEL.managed] !== 'true' || !name) return null;
  if (lifecycle !== 'ephemeral' && lifecycle !== 'long-lived') return null;
  const createdAt = new Date(labels[LABEL.createdAt] ?? Number.NaN);
  return {
    name,
    lifecycle,
    runtime: labels[LABEL.runtime],
    workspace: labels[LABEL.workspace],
    user: labels[LABEL.user],
    trust: TRUST_LEVELS.find((level) => level === labels[LABEL.trust]),
    cron: labels[LABEL.cron],
    createdAt: Number.isNaN(createdAt.getTime()) ? undefined : createdAt,
    instance: labels[LABEL.instance],
    agent: labels[LABEL.agent],
    policyHash: labels[LABEL.policyHash],
    policy: labels[LABEL.policy],
    project: labels[LABEL.project],
    task: labels[LABEL.task],
    kept: labels[LABEL.kept] === 'true' ? 'true' : undefined,
    scope: labels[LABEL.scope],
    registry: labels[LABEL.registry],
    initKey: labels[LABEL.initKey],
    tools: labels[LABEL.tools],
    path: labels[LABEL.path],
  };
}
