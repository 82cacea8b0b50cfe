import { type Command, Option } from 'commander';
import { UsageError } from '../usage-error.ts';

const WORKSPACE =
  'Mount one host directory at /workspace with --workspace DIR (read-only: --workspace-access ro).';
const NEVER = 'A sandbox never gets more rights than its profile gives.';
const NETWORK = 'Choose what can be reached with --network none or --network full.';
const PORTS = 'No port of a sandbox is published on the host: talk to the command through stdin and stdout.';
const ALONE = 'Leave it out: every sandbox has namespaces of its own, and shares none.';
const LIMITS = 'Set limits with --memory, --cpus and --pids.';
const NO_LOG = 'Leave it out: nothing is logged, all output comes out here.';

/**
 * Options of `docker run` that people will type by habit and that we do not have, with our way. All take an optional value, so
 * that whichever form was typed is recognised.
 */
export const DOCKER_OPTIONS: readonly (readonly [flags: string, instead: string])[] = [
  ['-v, --volume', WORKSPACE],
  ['--mount', WORKSPACE],
  ['--volumes-from', WORKSPACE],
  ['--volume-driver', WORKSPACE],
  ['-p, --publish', PORTS],
  ['-P, --publish-all', PORTS],
  ['--expose', PORTS],
  ['--privileged', NEVER],
  ['--cap-add', NEVER],
  ['--device', NEVER],
  ['--gpus', NEVER],
  ['--sysctl', NEVER],
  ['--cap-drop', 'Leave it out: all capabilities are always dropped.'],
  ['--security-opt', 'Leave it out: no-new-privileges and the seccomp filter are always on.'],
  ['--group-add', 'Choose who the command runs as with --user.'],
  ['--rm', 'Leave it out: the sandbox of a run is always removed.'],
  ['--init', 'Leave it out: every sandbox has an init of its own.'],
  ['--read-only', 'Leave it out: the root file system of a run is always read-only.'],
  ['--tmpfs', 'Leave it out: /tmp and HOME are writable, in memory.'],
  ['-d, --detach', 'A run lasts as long as its command: exec --detach leaves one running.'],
  ['--detach-keys', 'End the command with Ctrl-C.'],
  ['--name', 'A run names its sandbox itself; --json prints the name.'],
  ['--cidfile', 'The sandbox has a name of its own; --json prints it.'],
  ['--hostname', 'Leave it out: the sandbox has a host name of its own.'],
  ['--entrypoint', "An image's entry point is not used: give the whole command, as in -- python3 app.py"],
  ['--net', NETWORK],
  ['--network-alias', NETWORK],
  ['--link', NETWORK],
  ['--dns', NETWORK],
  ['--add-host', NETWORK],
  ['--ip', NETWORK],
  ['--mac-address', NETWORK],
  ['--ipc', ALONE],
  ['--pid', ALONE],
  ['--uts', ALONE],
  ['--userns', ALONE],
  ['--cgroupns', ALONE],
  ['--cgroup-parent', ALONE],
  ['--pids-limit', 'Limit the number of processes with --pids.'],
  ['--memory-swap', 'Swap counts as memory: --memory limits both together.'],
  ['--memory-reservation', LIMITS],
  ['--kernel-memory', LIMITS],
  ['-c, --cpu-shares', LIMITS],
  ['--cpu-period', LIMITS],
  ['--cpu-quota', LIMITS],
  ['--cpuset-cpus', LIMITS],
  ['--oom-kill-disable', LIMITS],
  ['--shm-size', LIMITS],
  ['--storage-opt', LIMITS],
  ['--ulimit', LIMITS],
  ['-l, --label', 'Labels belong to the sandbox itself: sandbox inspect shows them.'],
  ['--platform', "A sandbox has its engine's own architecture."],
  ['--restart', 'A run ends with its command.'],
  ['--stop-signal', 'Ctrl-C and SIGTERM are sent to the command as they come.'],
  ['--stop-timeout', 'Limit how long the command may run with --timeout.'],
  ['--sig-proxy', 'Leave it out: signals always reach the command.'],
  ['-a, --attach', 'Leave it out: stdin, stdout and stderr are always attached.'],
  ['--log-driver', NO_LOG],
  ['--log-opt', NO_LOG],
  ['--isolation', 'Choose the runtime with --runtime.'],
];

/** What is another answer where the sandbox is kept. */
export const KEPT_INSTEAD: ReadonlyMap<string, string> = new Map([
  ['--rm', 'Leave it out to keep the sandbox; --ephemeral makes one that is removed afterwards.'],
  ['--read-only', 'Leave it out: the system of a kept sandbox is its own to change.'],
  ['--tmpfs', 'Leave it out: /tmp and HOME are writable.'],
  ['-d, --detach', 'A shell is there to be used: exec --detach leaves a command running.'],
  ['--restart', 'Leave it out: whoever uses a sandbox that has stopped starts it.'],
]);

/** Makes each of them a usage error that names our way. They show up neither in the help nor in suggestions. */
export function refuseDockerOptions(command: Command, others: ReadonlyMap<string, string> = new Map()): void {
  const own = new Set(command.options.map(({ long }) => long));
  for (const [flags, instead] of DOCKER_OPTIONS) {
    const option = new Option(`${flags} [value]`).hideHelp();
    if (own.has(option.long)) continue;
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      const hint = others.get(flags) ?? instead;
      throw new UsageError(`there is no option ${flags.replace(', ', ' or ')}`, hint);
    });
  }
}
