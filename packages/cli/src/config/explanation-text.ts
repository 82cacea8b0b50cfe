import type { Explained, Explanation } from '@sandbox/config';
import type { Paint } from '../output/colors.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';

/** What `sandbox config show` prints: who calls, what holds for them, and what their trust allows at most. */
export function explanationText(explanation: Explanation, paint: Paint): string {
  const { file, user, cron, trust, settings, ceilings, warnings } = explanation;
  const heading = (text: string) => paint('heading', text);
  const who = table([
    [heading('file'), file === null ? 'none: the built-in values hold' : printable(file)],
    [heading('user'), user === null ? 'nobody in particular' : printable(user)],
    ...(cron === null ? [] : [[heading('job'), printable(cron)]]),
    [heading('trust'), `${trust.value} (${origin(trust)})`],
  ]);
  const held = table([
    [heading('[sandbox]'), '', ''],
    ...Object.entries(settings).map(([key, value]) => row(key, value, paint)),
  ]);
  const bounds = Object.entries(ceilings).filter(([, { value }]) => value !== null);
  const most = table([
    [heading(`[trust.${trust.value}]`), '', ''],
    ...(bounds.length === 0 ? [['no ceilings']] : bounds.map(([key, value]) => row(key, value, paint))),
  ]);
  const told = warnings.map((warning) => `${paint('poor', 'warning:')} ${printable(warning)}\n`).join('');
  return [who, held, most, told].filter(Boolean).join('\n');
}

function row(key: string, explained: Explained, paint: Paint): string[] {
  const { value, lowered } = explained;
  const from = origin(explained);
  const why = lowered === undefined ? from : `lowered by ${lowered.by}; ${text(lowered.from)} (${from})`;
  return [key, text(value), paint(explained.source === 'default' ? 'quiet' : 'good', why)];
}

function origin({ source, line }: Explained): string {
  if (source === 'default') return 'built in';
  return line === null ? source : `${source}, line ${line}`;
}

function text(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
