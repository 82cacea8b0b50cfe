/** Whether a thing with these labels carries all that are wanted, as NAME=VALUE; a `*` at the end of a value stands for anything. */
export function carries(
  labels: Readonly<Record<string, unknown>> | null | undefined,
  wanted: readonly string[],
): boolean {
  const has = Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return wanted.every((label) =>
    label.endsWith('*') ? has.some((one) => one.startsWith(label.slice(0, -1))) : has.includes(label),
  );
}
