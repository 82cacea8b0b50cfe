import type { Command } from 'commander';
import { type CommandContext, jsonOption } from '../command-context.ts';
import { checkConfig, printReport } from '../config/check-config.ts';
import { explanationText } from '../config/explanation-text.ts';
import { initConfig } from '../config/init-config.ts';
import { EXIT } from '../exit-code.ts';
import { painter } from '../output/colors.ts';
import { print, printJson } from '../print.ts';
import { type CallerFlags, callerOf, configOption, declareCallerOptions, loadSettings } from '../settings.ts';

const search = (name: string) => `
Where the configuration is, the first that is there:
  --config FILE
  SANDBOX_CONFIG
  $XDG_CONFIG_HOME/sandbox/sandbox.toml   (~/.config where that is not set)
  /etc/sandbox/sandbox.toml
Never in the working directory. Without one the built-in values hold: ${name} config show.
`;

export function declareConfig(program: Command, context: CommandContext): void {
  const config = program
    .command('config')
    .description('show, check and begin the configuration: what sandboxes may do, and for whom')
    .addHelpText('after', search(context.name));
  declareShow(config, context);
  declareCheck(config, context);
  declareInit(config, context);
}

interface ShowFlags extends CallerFlags {
  readonly config?: string;
  readonly user?: string;
  readonly json?: boolean;
}

function declareShow(config: Command, context: CommandContext): void {
  const command = config
    .command('show')
    .description('what holds for a user or a job, and where each value comes from');
  declareCallerOptions(command)
    .option('--user <name>', 'same as --user-name')
    .addOption(jsonOption('it'))
    .addHelpText(
      'after',
      `\nExamples:\n  ${context.name} config show\n  ${context.name} config show --user alice --cron nightly\n  ${context.name} config show --json | jq .settings.memory\n`,
    )
    .action(
      context.exits(async ({ user, json, config: file, ...flags }: ShowFlags) => {
        const [{ explainConfig }, settings] = await Promise.all([
          import('@sandbox/config'),
          loadSettings(context, file),
        ]);
        const caller = callerOf(context, { ...flags, ...(user !== undefined && { userName: user }) });
        const explanation = explainConfig(settings.parsed, caller);
        if (json) await printJson(context, explanation);
        else await print(context, explanationText(explanation, painter(context.io.stdout, context.io.env)));
        return EXIT.ok;
      }),
    );
}

function declareCheck(config: Command, context: CommandContext): void {
  config
    .command('check')
    .description('tell what is wrong with a configuration')
    .argument('[FILE]', 'default: the one that is found')
    .addOption(configOption())
    .addOption(jsonOption('the findings'))
    .addHelpText(
      'after',
      `\nExit codes: 0 it can be used, 2 it is not right, 125 it cannot be read or others may change it.\n\nExamples:\n  ${context.name} config check\n  ${context.name} config check ./new.toml && sudo install -m 644 new.toml /etc/sandbox/sandbox.toml\n`,
    )
    .action(
      context.exits(async (named: string | undefined, flags: { config?: string; json?: boolean }) => {
        const check = await checkConfig(context, named ?? flags.config);
        if (flags.json) await printJson(context, check.report);
        else await printReport(context, check.report);
        return check.exitCode;
      }),
    );
}

function declareInit(config: Command, context: CommandContext): void {
  config
    .command('init')
    .description('write a configuration to begin with: every key, explained, as a comment')
    .option('--force', 'write over one that is there')
    .addOption(configOption())
    .addOption(jsonOption('where it was written'))
    .addHelpText(
      'after',
      `\nIt is written where it will be looked for.\n\nExamples:\n  ${context.name} config init\n  sudo ${context.name} config init --config /etc/sandbox/sandbox.toml\n`,
    )
    .action(
      context.exits(async (flags: { force?: boolean; config?: string; json?: boolean }) => {
        const file = await initConfig(context, flags);
        if (flags.json) await printJson(context, { file });
        else await print(context, `${file}\n`);
        return EXIT.ok;
      }),
    );
}
