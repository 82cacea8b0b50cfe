import { CEILING_KEYS, type KeyInfo, MONITORING_KEYS, SANDBOX_KEYS, SERVER_KEYS, TOP_KEYS } from './keys.ts';
import { written } from './value-kinds.ts';

const WIDTH = 100;

/** The file that `sandbox config init` writes: every key with its built-in value, all of it a comment. */
export function configTemplate(): string {
  return `${[
    '# What sandboxes may do, and for whom. Take away the # of a line to change it: what is written here is what holds',
    '# without it. `sandbox config check` tells what is wrong with it, `sandbox config show` what holds for whom.',
    '',
    ...Object.entries(TOP_KEYS).flatMap(([key, info]) => lines(key, info)),
    '',
    '[sandbox]',
    ...Object.entries(SANDBOX_KEYS).flatMap(([key, info]) => lines(key, info)),
    '',
    '# One [[users]] table for each user who is known. Trust, highest first: owner, full, inner, familiar, public.',
    '# sandbox has any key of [sandbox] but enabled and cleanup_after_days, for this user alone.',
    '#',
    '# [[users]]',
    '# name = "alice"',
    '# trust = "full"',
    '# sandbox = { memory = "8g" }',
    '# workspace_roots = ["/srv/alice"]   # real directories that alice may take workspaces from over HTTP',
    '',
    '# One [[cron]] table for each job that a scheduler starts with --cron NAME: with the rights of its user, and what',
    '# sandbox says over theirs.',
    '#',
    '# [[cron]]',
    '# name = "nightly"',
    '# user = "bob"',
    '# sandbox = { long_lived = false }',
    '',
    '# What a trust level may have at most. A request above it is refused; what is configured above it is lowered. These',
    '# are the built-in ones of the lowest level; the others have none.',
    '[trust.public]',
    ...Object.entries(CEILING_KEYS).flatMap(([key, info]) => lines(key, info)),
    '',
    '# What holds for sandbox serve; it reads this when it starts. Keys of its users: sandbox keys add.',
    '[server]',
    ...Object.entries(SERVER_KEYS).flatMap(([key, info]) => lines(key, info)),
    '',
    '# What is recorded of executions: sandbox stats --history shows it.',
    '[monitoring]',
    ...Object.entries(MONITORING_KEYS).flatMap(([key, info]) => lines(key, info)),
    '',
    '# Options of adapters, as their READMEs list them.',
    '#',
    '# [runtimes.docker]',
    '# socket_path = "/var/run/docker.sock"',
  ].join('\n')}\n`;
}

function lines(key: string, { about, kind, builtIn }: KeyInfo): string[] {
  const text = wrapped(about.replaceAll('`', ''));
  // What holds without it cannot be written.
  if (builtIn === undefined) return [...text, ...wrapped(`${key} is ${kind.allowed.replaceAll('`', '')}.`)];
  return [...text, `# ${key} = ${toml(written(kind, builtIn))}`];
}

/** JSON is TOML for texts, numbers, lists, and tables that are empty. */
export function toml(value: unknown): string {
  return JSON.stringify(value);
}

function wrapped(text: string): string[] {
  const result: string[] = [];
  for (const word of text.split(' ')) {
    const last = result.at(-1);
    if (last !== undefined && last.length + word.length < WIDTH)
      result[result.length - 1] = `${last} ${word}`;
    else result.push(`## ${word}`);
  }
  return result;
}
