import type { Command } from 'commander';
import { findEntries } from '../adapters/find-entries.ts';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { diagnosisText } from '../doctor/diagnosis-text.ts';
import { EXIT } from '../exit-code.ts';
import { painter } from '../output/colors.ts';
import { print, printJson } from '../print.ts';
import { configOption, loadSettings } from '../settings.ts';

export function declareDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description('tell which runtimes are here, what they can enforce, and how to mend them')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('the findings'))
    .addHelpText(
      'after',
      `\nExit codes: 0 some runtime can run sandboxes here, 1 none can.\n\nExamples:\n  ${context.name} doctor\n  ${context.name} doctor --json | jq '.[] | {runtime, status}'\n`,
    )
    .action(
      context.exits(
        async ({ runtime, config, json }: { runtime?: string; config?: string; json?: boolean }) => {
          const settings = await loadSettings(context, config);
          const findings = await diagnose(await findEntries(context, settings, runtime), settings);
          if (json) await printJson(context, findings);
          else await print(context, diagnosisText(findings, painter(context.io.stdout, context.io.env)));
          return findings.some(({ status }) => status === 'healthy') ? EXIT.ok : EXIT.none;
        },
      ),
    );
}
