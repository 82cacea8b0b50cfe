// Writes what each package makes public to reports/, or with --check tells what differs from it. Needs a build.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { type EntryPoint, entryPoints, root } from './published.ts';

const reports = path.join(root, 'tooling', 'api', 'reports');
const quiet = { default: { logLevel: ExtractorLogLevel.None } };

/** One report. `compilerMessageReporting` stays on: a declaration that does not compile is not to be relied on. */
function configOf({ name, folder, declarations }: EntryPoint, all: readonly EntryPoint[], temporary: string) {
  const compilerOptions = {
    ...{ module: 'nodenext', moduleResolution: 'nodenext', target: 'es2023', strict: true },
    ...{ lib: ['esnext', 'dom'], types: ['node'], typeRoots: [path.join(root, 'node_modules', '@types')] },
    ...{ skipLibCheck: true, allowImportingTsExtensions: true, noEmit: true },
  };
  return ExtractorConfig.prepare({
    packageJsonFullPath: path.join(folder, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: declarations,
      compiler: {
        overrideTsconfig: { compilerOptions, files: all.map((entry) => entry.declarations) },
      },
      apiReport: {
        enabled: true,
        reportFolder: reports,
        reportTempFolder: temporary,
        reportFileName: name,
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { extractorMessageReporting: quiet, tsdocMessageReporting: quiet },
      newlineKind: 'lf',
    },
  });
}

/** Names of the entry points whose report is not what they are. */
function changedOnes(all: readonly EntryPoint[], write: boolean): readonly string[] {
  const temporary = mkdtempSync(path.join(tmpdir(), 'sandbox-api-'));
  try {
    const configs = all.map((entry) => ({ name: entry.name, config: configOf(entry, all, temporary) }));
    const [first] = configs;
    if (first === undefined) return [];
    const compilerState = CompilerState.create(first.config, {
      additionalEntryPoints: all.map((entry) => entry.declarations),
    });
    return configs.flatMap(({ name, config }) => {
      const result = Extractor.invoke(config, {
        localBuild: write,
        compilerState,
        messageCallback: (message) => {
          message.handled = message.logLevel !== ExtractorLogLevel.Error;
        },
      });
      if (result.errorCount > 0) throw new Error(`the declarations of ${name} are not right`);
      return result.apiReportChanged ? [name] : [];
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Of packages that there are no longer. */
function leftOver(all: readonly EntryPoint[]): readonly string[] {
  if (!existsSync(reports)) return [];
  const known = new Set(all.map(({ name }) => `${name}.api.md`));
  return readdirSync(reports).filter((file) => !known.has(file));
}

const write = !process.argv.includes('--check');
const all = entryPoints();
for (const { declarations } of all)
  if (!existsSync(declarations)) throw new Error(`${declarations} is not there: pnpm build makes it`);
const changed = changedOnes(all, write);
const stale = leftOver(all);
for (const file of write ? stale : []) rmSync(path.join(reports, file));
if (!write && changed.length + stale.length > 0) {
  console.error(`What is public has changed: ${[...changed, ...stale].join(', ')}`);
  console.error(
    'hint: node tooling/api/src/report.ts writes it down; tell users of it in a changeset: pnpm changeset',
  );
  process.exit(1);
}
console.log(`${all.length} ways in, ${changed.length} changed`);
