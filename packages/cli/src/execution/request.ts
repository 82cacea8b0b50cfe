import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Control, PolicyInput } from '@sandbox/core';
import { UsageError } from '../usage-error.ts';
import { parseAssignment, parseEnvFile } from './environment.ts';
import type { ExecutionRequest } from './execute.ts';
import type { CommandFlags, OpenFlags } from './options.ts';

/** What `sandbox run` was asked for, checked as far as that can be done without a runtime. */
export interface CommandRequest extends ExecutionRequest {
  readonly runtime: string | undefined;
  readonly image: string | undefined;
  readonly pull: 'missing' | 'always' | 'never' | undefined;
  readonly policy: PolicyInput;
  readonly workspace: string | undefined;
  readonly workdir: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
}

/** What `sandbox exec` was asked for: the command, and the sandbox that outlives it. */
export interface OpenRequest extends CommandRequest {
  /** Of a sandbox that is there. Then nothing is asked of what it is like. */
  readonly name: string | undefined;
  /** In place of a workspace. */
  readonly task: { readonly project: string; readonly task: string } | undefined;
  readonly recreate: boolean;
  /** Undefined: long-lived where that can be had. */
  readonly lifecycle: 'long-lived' | 'ephemeral' | undefined;
  /** Undefined: as configured. */
  readonly tools: boolean | undefined;
}

/** What the conversion needs of the outside: the host's side, and core's reading of sizes and times. */
export interface RequestContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly controls: readonly Control[];
  /** `what` is the option's name, for the message. */
  parseBytes(text: string, what: string): number;
  parseDuration(text: string, what: string): number;
  parseCpus(text: string, what: string): number;
  parseUser(text: string): unknown;
}

/** For one command in a sandbox of its own: the sandbox is made to fit. */
export function toRunRequest(
  command: readonly string[],
  flags: CommandFlags,
  context: RequestContext,
): CommandRequest {
  if (
    flags.workspaceAccess !== undefined &&
    flags.workspace === undefined &&
    flags.workspaceAccess !== 'none'
  ) {
    throw new UsageError(
      `--workspace-access ${flags.workspaceAccess} needs a workspace`,
      'Name the host directory with --workspace DIR.',
    );
  }
  const policy = { ...policyOf(flags, context), user: flags.user };
  return { ...commandRequest(command, flags, context), policy };
}

/** For a command in a sandbox that is kept: where it starts and who it is are the command's own, and not the sandbox's. */
export function toOpenRequest(
  command: readonly string[],
  flags: OpenFlags,
  context: RequestContext,
): OpenRequest {
  if (flags.name !== undefined) refuseWithName(flags.name, flags);
  refuseTogether('--ephemeral', flags.ephemeral, '--long-lived', flags.longLived);
  refuseTogether('--ephemeral', flags.ephemeral, '--recreate', flags.recreate);
  refuseTogether('--ephemeral', flags.ephemeral, '--tools', flags.tools || undefined);
  const task = taskOf(flags);
  const request = commandRequest(command, flags, context);
  return {
    ...request,
    policy: { ...policyOf(flags, context), allowRoot: flags.allowRoot },
    cwd: flags.workdir,
    user: flags.user,
    name: flags.name,
    task,
    recreate: flags.recreate ?? false,
    lifecycle: flags.ephemeral ? 'ephemeral' : flags.longLived ? 'long-lived' : undefined,
    tools: flags.tools,
  };
}

function commandRequest(
  command: readonly string[],
  flags: CommandFlags,
  context: RequestContext,
): Omit<CommandRequest, 'policy'> {
  if (flags.json && flags.tty) {
    throw new UsageError(
      '--json and --tty exclude each other',
      'Leave out --tty: a terminal shows output as it comes, --json prints it at the end.',
    );
  }
  if (flags.user !== undefined) context.parseUser(flags.user);
  return {
    command,
    runtime: flags.runtime,
    image: flags.image,
    pull: flags.pull,
    env: environmentOf(flags, context),
    workspace: directoryOf(flags.workspace, context.cwd),
    workdir: flags.workdir,
    tty: flags.tty ?? false,
    json: flags.json ?? false,
    verbose: flags.verbose ?? false,
  };
}

/** What a sandbox is made with, in the words of the command line. */
const MADE_WITH: readonly (readonly [keyof OpenFlags, string])[] = [
  ['workspace', '--workspace'],
  ['project', '--project'],
  ['task', '--task'],
  ['workspaceAccess', '--workspace-access'],
  ['image', '--image'],
  ['pull', '--pull'],
  ['memory', '--memory'],
  ['cpus', '--cpus'],
  ['pids', '--pids'],
  ['network', '--network'],
  ['bestEffort', '--best-effort'],
  ['allowRoot', '--allow-root'],
  ['tools', '--tools or --no-tools'],
  ['ephemeral', '--ephemeral'],
  ['longLived', '--long-lived'],
  ['recreate', '--recreate'],
];

function refuseWithName(name: string, flags: OpenFlags): void {
  const [, option] = MADE_WITH.find(([key]) => flags[key] !== undefined) ?? [];
  if (option === undefined) return;
  throw new UsageError(
    `${option} does not go with a name: ${name} is what it was made as`,
    'Name the workspace in its place: --workspace DIR.',
  );
}

function taskOf(flags: OpenFlags): OpenRequest['task'] {
  const { project, task, name, workspace, ephemeral, longLived } = flags;
  if (project === undefined && task === undefined) return undefined;
  if (project === undefined || task === undefined) {
    const [given, missing] = project === undefined ? ['--task', '--project'] : ['--project', '--task'];
    throw new UsageError(`${given} needs ${missing}`, 'Name both: --project web --task fix-login.');
  }
  refuseTogether('--name', name, '--task', task);
  refuseTogether('--workspace', workspace, '--task', task);
  refuseTogether('--ephemeral', ephemeral, '--task', task);
  refuseTogether('--long-lived', longLived, '--task', task);
  return { project, task };
}

function refuseTogether(one: string, hasOne: unknown, other: string, hasOther: unknown): void {
  if (hasOne === undefined || hasOther === undefined) return;
  throw new UsageError(`${one} and ${other} exclude each other`, 'Leave one of them out.');
}

/** An empty word is a variable that is not set, and not the directory where the caller stands. */
export function directoryOf(workspace: string | undefined, cwd: string): string | undefined {
  if (workspace === '')
    throw new UsageError('--workspace is empty', 'Name a host directory; `.` is this one.');
  return workspace === undefined ? undefined : path.resolve(cwd, workspace);
}

function policyOf(flags: CommandFlags, context: RequestContext): PolicyInput {
  const parsed = <T>(
    what: string,
    text: string | undefined,
    parse: (text: string, what: string) => T,
  ): T | undefined => (text === undefined ? undefined : parse(text, what));
  return {
    memoryBytes: parsed('--memory', flags.memory, context.parseBytes),
    cpus: parsed('--cpus', flags.cpus, context.parseCpus),
    pids: parsed('--pids', flags.pids, wholeNumber),
    timeoutMs: parsed('--timeout', flags.timeout, (text, what) =>
      text === 'none' || text === '0' ? null : context.parseDuration(text, what),
    ),
    network: flags.network,
    workspaceAccess: flags.workspaceAccess,
    bestEffort: flags.bestEffort?.map((control) => controlNamed(control, context.controls)),
  };
}

function wholeNumber(text: string, what: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) {
    throw new UsageError(`${what}: "${text}" is not a whole number above 0`, 'Write a number such as 128.');
  }
  return Number(text);
}

function controlNamed(text: string, controls: readonly Control[]): Control {
  const control = controls.find((known) => known === text);
  if (control === undefined) {
    throw new UsageError(
      `--best-effort: there is no control "${text}"`,
      `The controls are ${controls.join(', ')}.`,
    );
  }
  return control;
}

function environmentOf(flags: CommandFlags, context: RequestContext): Record<string, string> {
  // No prototype: a variable may be called __proto__.
  const env: Record<string, string> = Object.create(null);
  for (const file of flags.envFile ?? []) {
    Object.assign(env, parseEnvFile(readEnvFile(file, context.cwd), file, context.env));
  }
  for (const assignment of flags.env ?? []) {
    const [name, value] = parseAssignment(assignment, context.env, '--env');
    env[name] = value;
  }
  return env;
}

function readEnvFile(file: string, cwd: string): string {
  try {
    return readFileSync(path.resolve(cwd, file), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    throw new UsageError(`--env-file ${file}: ${why}`, 'Name a file of NAME=VALUE lines.');
  }
}
