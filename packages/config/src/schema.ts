import { type Ceilings, type CeilingsByTrust, TRUST_LEVELS, type Trust } from '@sandbox/core';
import { z } from 'zod';
import {
  CEILING_KEYS,
  type KeyInfo,
  MONITORING_KEYS,
  type MonitoringValues,
  SANDBOX_KEYS,
  type SandboxValues,
  SERVER_KEYS,
  type ServerValues,
  TOP_KEYS,
} from './keys.ts';
import { day, directories, keyHash, keyId, personName, schemaOf, trustLevel } from './value-kinds.ts';

function shapeOf(keys: Readonly<Record<string, KeyInfo>>) {
  return Object.fromEntries(
    Object.entries(keys).map(([name, { kind, about }]) => [
      name,
      schemaOf(kind, name).optional().meta({ description: about }),
    ]),
  );
}

const overridable = Object.fromEntries(
  Object.entries(SANDBOX_KEYS).filter(([, { overridable }]) => overridable),
);

const sandbox = z.strictObject(shapeOf(SANDBOX_KEYS)).meta({ description: 'What holds for everybody.' });
const override = z
  .strictObject(shapeOf(overridable))
  .meta({ description: 'What holds instead for this one.' });

const user = z.strictObject({
  name: schemaOf(personName('user'), 'name').meta({ description: 'As in --user-name; a login name, say.' }),
  trust: schemaOf(trustLevel, 'trust')
    .optional()
    .meta({ description: 'Highest first: owner, full, inner, familiar, public.' }),
  workspace_roots: schemaOf(directories, 'workspace_roots').optional().meta({
    description: 'Real directories that this user may take workspaces from over HTTP. None without it.',
  }),
  sandbox: override.optional(),
});

/** Of the service. What is kept of a key is its hash: the key itself is known to its user alone. */
const apiKey = z.strictObject({
  id: schemaOf(keyId, 'id'),
  user: schemaOf(personName('user'), 'user').meta({ description: 'Whom requests with it act as.' }),
  hash: schemaOf(keyHash, 'hash'),
  created: schemaOf(day, 'created').optional(),
});

const job = z.strictObject({
  name: schemaOf(personName('job'), 'name').meta({ description: 'As in --cron.' }),
  user: schemaOf(personName('user'), 'user').optional().meta({ description: 'Whom the job belongs to.' }),
  sandbox: override.optional(),
});

const ceilings = z.strictObject(shapeOf(CEILING_KEYS)).transform((values): Ceilings => {
  const entries = Object.entries(CEILING_KEYS).map(([name, { ceiling }]) => [ceiling, values[name]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
});

/** All of the file. */
export const configSchema = z.strictObject({
  ...shapeOf(TOP_KEYS),
  sandbox: sandbox.optional(),
  users: z.array(user).optional().meta({ description: 'Who is known, one [[users]] table each.' }),
  cron: z
    .array(job)
    .optional()
    .meta({ description: 'Jobs that some scheduler starts, one [[cron]] table each.' }),
  keys: z
    .array(apiKey)
    .optional()
    .meta({ description: 'Keys of the service, as sandbox keys add writes them, one [[keys]] table each.' }),
  server: z
    .strictObject(shapeOf(SERVER_KEYS))
    .optional()
    .meta({ description: 'What holds for sandbox serve.' }),
  monitoring: z
    .strictObject(shapeOf(MONITORING_KEYS))
    .optional()
    .meta({ description: 'What is recorded of executions.' }),
  trust: z
    .strictObject(Object.fromEntries(TRUST_LEVELS.map((level) => [level, ceilings.optional()])))
    .optional()
    .meta({ description: 'What each trust level may have at most, one [trust.<level>] table each.' }),
  runtimes: z.record(z.string(), z.record(z.string(), z.unknown())).optional().meta({
    description: 'Options of adapters, one [runtimes.<id>] table each, as their READMEs list them.',
  }),
});

export interface ConfigUser {
  readonly name: string;
  readonly trust?: Trust | undefined;
  readonly workspace_roots?: readonly string[] | undefined;
  readonly sandbox?: SandboxValues | undefined;
}

export interface ConfigKey {
  readonly id: string;
  readonly user: string;
  readonly hash: string;
  readonly created?: string | undefined;
}

export interface ConfigJob {
  readonly name: string;
  readonly user?: string | undefined;
  readonly sandbox?: SandboxValues | undefined;
}

/** What the file says, checked, in core's units. What it leaves out is not there. */
export interface ConfigValues {
  readonly default_trust?: Trust | undefined;
  readonly adapters?: readonly string[] | undefined;
  readonly sandbox?: SandboxValues | undefined;
  readonly users?: readonly ConfigUser[] | undefined;
  readonly cron?: readonly ConfigJob[] | undefined;
  readonly keys?: readonly ConfigKey[] | undefined;
  readonly server?: ServerValues | undefined;
  readonly monitoring?: MonitoringValues | undefined;
  readonly trust?: CeilingsByTrust | undefined;
  /** Options of adapters as they are written: each adapter checks its own when it is loaded. */
  readonly runtimes?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
}
