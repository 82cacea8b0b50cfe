import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Part, type Row, Unavailable } from './figure.ts';
import { formatTable } from './table.ts';

const HELP = `pnpm bench [--only NAME]… [--runs N] [--json FILE]

Measures sessions and sandboxes beside what they stand on: a bare fork and exec, the engine's own API. All of one part
take turns in one run, so that ratios hold on a busy machine too. Times are medians; build first (pnpm build).

  --only NAME   only this part, or all parts whose names begin so; may be given more than once
  --runs N      rounds of each part, instead of its own number
  --json FILE   also write [{ name, unit, ours, reference, referenceName, ratio }]
  --help
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      runs: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const { parts } = await import('./parts.ts');
  if (values.help) {
    console.log(
      `${HELP}\nParts:\n${parts.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}`,
    );
    return 0;
  }
  const runs = values.runs === undefined ? undefined : Number(values.runs);
  if (runs !== undefined && !(Number.isInteger(runs) && runs > 0)) {
    console.error(`--runs ${values.runs}: give a whole number from 1 on`);
    return 2;
  }
  const only = values.only;
  const chosen = parts.filter(
    ({ name }) => only === undefined || only.some((start) => name.startsWith(start)),
  );
  if (chosen.length === 0) {
    console.error(`--only ${only?.join(', ')}: the parts are ${parts.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const { rows, failed } = await measureAll(chosen, runs);
  if (rows.length === 0) return 1;
  console.log(`\n${formatTable(rows)}`);
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify(rows.map(figureOf), null, 2)}\n`);
  return failed ? 1 : 0;
}

/** One part's failure does not cost the others their figures. */
async function measureAll(
  parts: readonly Part[],
  runs: number | undefined,
): Promise<{ rows: Row[]; failed: boolean }> {
  const rows: Row[] = [];
  let failed = false;
  for (const part of parts) {
    console.error(`${part.name}: ${part.about}`);
    try {
      rows.push(...(await part.measure(runs)));
    } catch (error) {
      if (error instanceof Unavailable) {
        console.error(`  not measured: ${error.message}`);
      } else {
        failed = true;
        console.error(error);
      }
    }
  }
  return { rows, failed };
}

function figureOf({ name, unit, ours, reference, referenceName, ratio }: Row): object {
  return { name, unit, ours, reference, referenceName, ratio };
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error && 'code' in error ? error.message : error);
  return 2;
});
