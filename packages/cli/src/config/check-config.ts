import type { Config, ConfigProblem } from '@sandbox/config';
import type { AdapterEntry } from '../adapters/adapter-entry.ts';
import { findEntries } from '../adapters/find-entries.ts';
import { write } from '../cli-io.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { failureOf, failureText } from '../failure.ts';
import { print } from '../print.ts';
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
    const entries = await findEntries(context, config);
    const known = entries.map(({ runtime }) => runtime);
    const problems = (await Promise.all(entries.map((entry) => problemsOf(entry, config)))).flat();
    return outcome(config.file ?? null, problems, strangeRuntimes(config.parsed, known));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return outcome(error.file, error.problems, []);
  }
}

/** An adapter that cannot be loaded is one at the key that names it. */
async function problemsOf(entry: AdapterEntry, config: Config): Promise<readonly ConfigProblem[]> {
  const { ConfigError } = await import('@sandbox/config');
  const { values, lineOf } = config.parsed;
  const isNamed = config.adapters.includes(entry.runtime);
  if (!isNamed && values.runtimes?.[entry.runtime] === undefined) return [];
  try {
    await (await loadAdapter(entry, config)).close();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    if (!isNamed) throw error;
    const { message, hint } = failureOf(error);
    return [{ line: lineOf(['adapters']), key: 'adapters', message, hint }];
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
