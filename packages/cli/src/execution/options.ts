import { type Command, Option } from 'commander';
import { type CallerFlags, declareCallerOptions } from '../settings.ts';
import { KEPT_INSTEAD, refuseDockerOptions } from './docker-options.ts';

/** The command line of `sandbox run` as commander hands it over, before anything is looked at. */
export interface CommandFlags extends CallerFlags {
  readonly config?: string;
  readonly runtime?: string;
  readonly image?: string;
  readonly pull?: 'missing' | 'always' | 'never';
  readonly memory?: string;
  readonly cpus?: string;
  readonly pids?: string;
  readonly network?: 'none' | 'full';
  readonly timeout?: string;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workspace?: string;
  readonly workspaceAccess?: 'rw' | 'ro' | 'none';
  readonly workdir?: string;
  readonly user?: string;
  readonly bestEffort?: readonly string[];
  readonly tty?: boolean;
  readonly interactive?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `sandbox exec` and `sandbox shell` besides choose a sandbox that is kept, and say how long one lives that is not there yet. */
export interface OpenFlags extends CommandFlags {
  readonly name?: string;
  readonly project?: string;
  readonly task?: string;
  readonly recreate?: boolean;
  readonly ephemeral?: boolean;
  readonly longLived?: boolean;
  readonly allowRoot?: boolean;
  readonly tools?: boolean;
  readonly detach?: boolean;
}

const many = (value: string, before: readonly string[] = []) => [...before, value];
const choice = (flags: string, description: string, choices: readonly string[]) =>
  new Option(flags, description).choices(choices);
const repeated = (flags: string, description: string) => new Option(flags, description).argParser(many);

const DEFAULT_IMAGE = 'debian:bookworm-slim';
const RUN_DEFAULTS = { image: DEFAULT_IMAGE, workdir: '/workspace if there is one, else HOME' };

/** What `sandbox run` has, and `sandbox code` with other defaults. */
export function declareRunOptions(command: Command, defaults = RUN_DEFAULTS): void {
  command.optionsGroup('Where it runs:');
  command.option('--runtime <name>', 'runtime to use, or auto (default: auto)');
  image(command, defaults.image);
  command.optionsGroup('What it may use:');
  limits(command, 'none');
  timeout(command, '120s; none with --tty');
  command.optionsGroup('What it gets:');
  environment(command);
  command
    .option('--workspace <dir>', 'host directory to mount at /workspace (default: nothing is mounted)')
    .addOption(workspaceAccess())
    .option('-w, --workdir <path>', `where it starts (default: ${defaults.workdir})`)
    .option('-u, --user <id>', "uid or uid:gid (default: the workspace's owner, else 1000:1000)");
  whoAsks(command);
  command.optionsGroup('How you see it:');
  outputOptions(command);
  refuseDockerOptions(command);
}

/** What `sandbox exec` has: the same, for a sandbox that is kept. */
export function declareExecOptions(command: Command): void {
  command.optionsGroup('Which sandbox:');
  command.option('--name <sandbox>', 'one that is there, as sandbox ls shows it');
  whichSandbox(command);
  command.optionsGroup('What the command gets:');
  environment(command);
  whereAndWho(command);
  timeout(command, '120s; none with --tty or --detach');
  whoAsks(command);
  command.optionsGroup('How you see it:');
  command.option('-d, --detach', 'leave it running, and print its ID for ps, logs and kill');
  outputOptions(command);
  whatItIsLike(command);
  refuseDockerOptions(command, KEPT_INSTEAD);
}

/** What `sandbox shell` has: a terminal is what it is for. */
export function declareShellOptions(command: Command): void {
  command.optionsGroup('Which sandbox:');
  whichSandbox(command);
  command.optionsGroup('What the shell gets:');
  environment(command);
  whereAndWho(command);
  whoAsks(command);
  command.optionsGroup('How you see it:');
  verbose(command);
  whatItIsLike(command);
  refuseDockerOptions(command, KEPT_INSTEAD);
}

function whichSandbox(command: Command): void {
  command
    .option(
      '--workspace <dir>',
      'the one of this host directory (default: of the nearest that has one or a .git, else of this one)',
    )
    .option(
      '--project <id>',
      'with --task, in place of a workspace: the project whose volume is at /workspace',
    )
    .option('--task <id>', 'the task of that project: one of its own until sandbox task end')
    .option('--runtime <name>', 'runtime to use, or auto (default: the one that has it, else auto)')
    .option('--recreate', 'make it again as asked for now; home and workspace are kept')
    .option('--ephemeral', 'one of its own for this command, removed afterwards')
    .option(
      '--long-lived',
      'refuse a runtime that cannot keep one (default: ephemeral there, with a warning)',
    );
}

/** These hold for what is made now: what is there keeps what it was made with, and is refused to those who ask for less. */
function whatItIsLike(command: Command): void {
  command.optionsGroup('What a new sandbox is like:');
  image(command);
  limits(command, 'full where the runtime has one');
  command
    .addOption(workspaceAccess())
    .option('--allow-root', 'let commands run as root in it, with --user root')
    .option('--tools', 'with the usual development tools, whatever is configured (default)')
    .option('--no-tools', 'without, as its image is');
}

function image(command: Command, byDefault = DEFAULT_IMAGE): void {
  command
    .option(
      '--image <image>',
      `image that makes the root file system, or the path of an unpacked one (default: ${byDefault})`,
    )
    .addOption(
      choice('--pull <when>', 'when to pull the image (default: missing)', ['missing', 'always', 'never']),
    );
}

function limits(command: Command, network: string): void {
  command
    .option('-m, --memory <size>', 'memory of all its processes together: 512m, 1.5g (default: 4g)')
    .option('--cpus <count>', 'processors: 2, 1.5 (default: no limit)')
    .option('--pids <count>', 'processes and threads at one time (default: 1024)')
    .addOption(choice('--network <mode>', `what it can reach (default: ${network})`, ['none', 'full']))
    .addOption(
      repeated('--best-effort <control>', 'run even where this control cannot be enforced; may be repeated'),
    );
}

function timeout(command: Command, byDefault: string): void {
  command.option('--timeout <time>', `kill it after: 30s, 5m, 2h, or none (default: ${byDefault})`);
}

function environment(command: Command): void {
  command
    .addOption(
      repeated('-e, --env <name[=value]>', 'environment variable; NAME alone takes the value it has here'),
    )
    .addOption(repeated('--env-file <file>', 'file of NAME=VALUE lines; -e wins'));
}

function workspaceAccess(): Option {
  return choice('--workspace-access <mode>', 'rights on the workspace (default: rw)', ['rw', 'ro', 'none']);
}

function whereAndWho(command: Command): void {
  command
    .option('-w, --workdir <path>', 'where it starts, from /workspace on (default: /workspace)')
    .option('-u, --user <id>', "root, uid or uid:gid (default: the sandbox's own user)");
}

function whoAsks(command: Command): void {
  command.optionsGroup('Who asks:');
  declareCallerOptions(command);
}

function outputOptions(command: Command): void {
  command
    .option('-i, --interactive', 'accepted as a habit; stdin is always streamed')
    .option('-t, --tty', 'give it a terminal')
    .option('--json', 'print one JSON object with its result, and nothing else');
  verbose(command);
}

function verbose(command: Command): void {
  command.option('--verbose', 'tell on stderr what was chosen and what is enforced');
}
