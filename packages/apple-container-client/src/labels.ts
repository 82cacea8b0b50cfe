import { LABEL, LABEL_PREFIX } from '@sandbox/core';

type Labels = Readonly<Record<string, string>>;

/** The command line takes no label with a second equal sign: what has one travels in here. */
const LABEL_ENCODED = `${LABEL_PREFIX}encoded`;

/** As options of a command, with the label that says that it is ours. */
export function labelArgs(labels: Labels): string[] {
  const entries = Object.entries({ ...labels, [LABEL.managed]: 'true' });
  const isPlain = (entry: [string, string]) => !entry.join('').includes('=');
  const rest = entries.filter((entry) => !isPlain(entry));
  const encoded = Buffer.from(JSON.stringify(Object.fromEntries(rest))).toString('base64url');
  const plain = [...entries.filter(isPlain), ...(rest.length > 0 ? [[LABEL_ENCODED, encoded]] : [])];
  return plain.map(([key, value]) => `--label=${key}=${value}`);
}

/** The other way round. */
export function readLabels(found: Labels | undefined): Record<string, string> {
  const { [LABEL_ENCODED]: encoded, ...labels } = found ?? {};
  try {
    return { ...labels, ...JSON.parse(Buffer.from(encoded ?? '', 'base64url').toString()) };
  } catch {
    return labels;
  }
}

/** Whether it is ours and carries all of these. */
export function carries(labels: Labels, wanted: Labels = {}): boolean {
  return Object.entries({ ...wanted, [LABEL.managed]: 'true' }).every(
    ([key, value]) => labels[key] === value,
  );
}
