import { SandboxError } from '../errors/sandbox-error.ts';

const UNITS = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const;
const PATTERN = /^(\d+(?:\.\d+)?|\.\d+)\s*(?:([kmgt])(?:i?b)?|b)?$/i;

/**
 * Bytes from what a person writes: `512m`, `1.5g`, `64k`, `2GiB`, `4096`. Units are powers of 1024 and their case does not matter; a number is bytes.
 * Anything else is `INVALID_ARGUMENT`; `what` names the option in the message.
 */
export function parseBytes(value: string | number, what = 'size'): number {
  const bytes = typeof value === 'number' ? value : bytesOf(value);
  if (bytes === null || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new SandboxError('INVALID_ARGUMENT', `${what}: ${JSON.stringify(value)} is not a size`, {
      hint: 'Write a whole number of bytes, or a number with k, m, g or t (powers of 1024): 512m, 1.5g, 64k, 2GiB.',
    });
  }
  return bytes;
}

function bytesOf(text: string): number | null {
  const match = PATTERN.exec(text.trim());
  if (match === null) return null;
  const unit = match[2]?.toLowerCase() as keyof typeof UNITS | undefined;
  const bytes = Number(match[1]) * UNITS[unit ?? 'b'];
  // A fraction of a unit is rounded to bytes; a fraction of a byte is a mistake.
  return unit === undefined ? bytes : Math.round(bytes);
}

/** The shortest exact text that `parseBytes` reads back: `512m`, `1.5g`, `1000`. */
export function formatBytes(bytes: number): string {
  for (const unit of ['t', 'g', 'm', 'k'] as const) {
    // At most two decimals, and only where they are exact.
    const count = Math.round((bytes / UNITS[unit]) * 100) / 100;
    if (bytes >= UNITS[unit] && count * UNITS[unit] === bytes) return `${count}${unit}`;
  }
  return String(bytes);
}
