// Control characters, and those that turn the direction of text: what must not reach a terminal. Kept: tab and newline.
const UNPRINTABLE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Text that came from a guest, made fit for an error message: nothing that a terminal obeys, and not without end. */
export function printable(value: string | Uint8Array, maximum = 300): string {
  const text =
    typeof value === 'string'
      ? value.slice(0, maximum + 1)
      : Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, 4 * maximum)).toString('utf8');
  const clean = text.replace(UNPRINTABLE, (found) => (found === '\n' || found === '\t' ? found : '\ufffd'));
  return clean.length > maximum ? `${clean.slice(0, maximum)}…` : clean;
}
