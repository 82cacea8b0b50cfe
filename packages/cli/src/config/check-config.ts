import type { Config, ConfigProblem } from '@sandbox/config';
import { write } from '../cli-io.ts';
import { type CommandContext, print } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { failureText } from '../failure.ts';
import { loadAdapter, loadSettings } from '../settings.ts';

/** What `sandbox config check --json` prints. */
export interface ConfigReport {
  /** Null: there is none, and the built-in values hold. */
  readonly file: string | null;
  readonly ok: boolean;
  readonly problems: readonly Finding[];
  /** What is right, and yet may not be meant. */
  readonly warnings: readonly Finding[];
}

interface Finding extends Omit<ConfigProblem, 'hint'> {
  readonly hint: string | null;
}

/** All that is wrong with a configuration, the options of this program's adapters included. What stops us from reading it is thrown. */
export async function checkConfig(
  context: CommandContext,
  file: string | undefined,
): Promise<{ readonly report: ConfigReport; readonly exitCode: number }> {
  const { ConfigError, strangeRuntimes } = await import('@sandbox/config');
  try {
    const config = await loadSettings(context, file);
    const options = await Promise.all(context.entries.map((entry) => problemsOfOptions(entry, config)));
    const problems = options.flat();
    const known = context.entries.map(({ runtime }) => runtime);
    return outcome(config.file ?? null, problems, strangeRuntimes(config.parsed, known));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return outcome(error.file, error.problems, []);
  }
}

async function problemsOfOptions(
  entry: CommandContext['entries'][number],
  config: Config,
): Promise<readonly ConfigProblem[]> {
  const { ConfigError } = await import('@sandbox/config');
  if (config.parsed.values.runtimes?.[entry.runtime] === undefined) return [];
  try {
    await (await loadAdapter(entry, config)).close();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems;
  }
}

function outcome(
  file: string | null,
  problems: readonly ConfigProblem[],
  warnings: readonly ConfigProblem[],
) {
  const ok = problems.length === 0;
  const report = { file, ok, problems: problems.map(finding), warnings: warnings.map(finding) };
  return { report, exitCode: ok ? EXIT.ok : EXIT.usage };
}

const finding = ({ hint = undefined, ...problem }: ConfigProblem): Finding => ({
  ...problem,
  hint: hint ?? null,
});

export async function printReport(context: CommandContext, report: ConfigReport): Promise<void> {
  const tell = ({ line, message, hint }: Finding, name: string) =>
    write(
      context.io.stderr,
      failureText(
        {
          code: '',
          exitCode: 0,
          message: `${report.file}:${line}: ${message}`,
          ...(hint !== null && { hint }),
        },
        name,
      ),
    );
  for (const warning of report.warnings) await tell(warning, `${context.name}: warning`);
  for (const problem of report.problems) await tell(problem, context.name);
  if (report.ok) await print(context, `${report.file ?? 'no configuration is there'}: right\n`);
}
