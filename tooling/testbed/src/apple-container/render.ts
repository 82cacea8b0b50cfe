/** As Foundation writes JSON: keys in order, `/` escaped, nothing for what is undefined. */
export function compact(value: unknown): string {
  return JSON.stringify(sorted(value)).replaceAll('/', '\\/');
}

/** The same over many lines, with a space before each colon too. */
export function pretty(value: unknown): string {
  const text = JSON.stringify(sorted(value), undefined, 2).replaceAll('/', '\\/');
  return text
    .replaceAll(/^( *"(?:[^"\\]|\\.)*"):/gm, '$1 :')
    .replaceAll(
      /^( *)(.*)\[\](,?)$/gm,
      (_all, indent: string, before: string, end: string) => `${indent}${before}[\n\n${indent}]${end}`,
    );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(
    entries.sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, part]) => [key, sorted(part)]),
  );
}

/** The moment as Foundation writes it. */
export function isoDate(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
