import type { ConfigKey } from '@sandbox/config';
import type { Command } from 'commander';
import { type CommandContext, jsonOption } from '../command-context.ts';
import { changeConfig } from '../config/change-config.ts';
import { EXIT } from '../exit-code.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';
import { print, printJson } from '../print.ts';
import { callerOf, configOption, loadSettings } from '../settings.ts';

interface KeyFlags {
  readonly user?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareKeys(program: Command, context: CommandContext): void {
  const { name } = context;
  const keys = program
    .command('keys')
    .description(`keys for ${name} serve: who may use it, and as whom`)
    .addHelpText(
      'after',
      `\nThe configuration keeps only what a key can be recognised by. A service that runs knows of a change within a second.\n`,
    );
  keys
    .command('add')
    .description('make a key and print it: it is shown this once')
    .option('--user <name>', 'whom requests with it act as (default: you)')
    .addOption(configOption())
    .addOption(jsonOption('it'))
    .addHelpText('after', `\nExamples:\n  ${name} keys add --user alice\n  KEY=$(${name} keys add)\n`)
    .action(context.exits((flags: KeyFlags) => add(flags, context)));
  keys
    .command('ls')
    .description('list keys: their ids and whose they are')
    .option('--user <name>', 'only those of this user')
    .addOption(configOption())
    .addOption(jsonOption('them'))
    .addHelpText('after', `\nExamples:\n  ${name} keys ls\n  ${name} keys ls --user alice --json\n`)
    .action(context.exits((flags: KeyFlags) => list(flags, context)));
  keys
    .command('rm')
    .description('remove a key: it opens nothing any more')
    .argument('<ID>', `as ${name} keys ls shows it`)
    .addOption(configOption())
    .addOption(jsonOption('what was removed'))
    .addHelpText('after', `\nExamples:\n  ${name} keys rm k3v9x2qa\n`)
    .action(context.exits((id: string, flags: KeyFlags) => remove(id, flags, context)));
}

async function add(flags: KeyFlags, context: CommandContext): Promise<number> {
  const { createApiKey, withApiKey } = await import('@sandbox/config');
  const { validateUserName } = await import('@sandbox/core');
  const user = validateUserName(flags.user ?? callerOf(context, {}).user ?? '');
  const { key, kept } = createApiKey(user);
  const file = await changeConfig(context, flags.config, (text) => withApiKey(text, kept));
  if (flags.json) await printJson(context, { ...shown(kept), key, file });
  else await print(context, `${key}\n`);
  return EXIT.ok;
}

async function list(flags: KeyFlags, context: CommandContext): Promise<number> {
  const { keys } = await loadSettings(context, flags.config);
  const listed = keys.filter(({ user }) => flags.user === undefined || user === flags.user);
  if (flags.json) await printJson(context, { keys: listed.map(shown) });
  else {
    const rows = listed.map(({ id, user, created }) => [id, printable(user), created ?? '-']);
    await print(context, table([['ID', 'USER', 'CREATED'], ...rows]));
  }
  return EXIT.ok;
}

async function remove(id: string, flags: KeyFlags, context: CommandContext): Promise<number> {
  const { parseConfig, withoutApiKey } = await import('@sandbox/config');
  const { SandboxError } = await import('@sandbox/core');
  const file = await changeConfig(context, flags.config, (text, path) => {
    const index = (parseConfig(text, path).values.keys ?? []).findIndex((key) => key.id === id);
    if (index !== -1) return withoutApiKey(text, index);
    throw new SandboxError('NOT_FOUND', `there is no key ${JSON.stringify(id)} in ${path}`, {
      operation: 'keys',
      hint: `\`${context.name} keys ls\` shows those that there are.`,
    });
  });
  if (flags.json) await printJson(context, { removed: [id], file });
  else await print(context, `${id}\n`);
  return EXIT.ok;
}

const shown = ({ id, user, created }: ConfigKey) => ({ id, user, created: created ?? null });
