import { SandboxError } from '../errors/sandbox-error.ts';

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
const PART = '(?:(\\d+(?:\\.\\d+)?|\\.\\d+)';
const PATTERN = new RegExp(`^${PART}d)?${PART}h)?${PART}m)?${PART}s)?${PART}ms)?$`, 'i');

/**
 * Milliseconds from what a person writes: `500ms`, `30s`, `2h`, `7d`, `1h30m`. A number is milliseconds; a text of digits alone is refused, because
 * nobody can tell which unit was meant. Anything else is `INVALID_ARGUMENT`; `what` names the option in the message.
 */
export function parseDuration(value: string | number, what = 'duration'): number {
  const ms = typeof value === 'number' ? value : millisecondsOf(value);
  if (ms === null || !Number.isSafeInteger(ms) || ms < 0) {
    const bare = typeof value === 'string' && /^\d+$/.test(value.trim());
    throw new SandboxError('INVALID_ARGUMENT', `${what}: ${JSON.stringify(value)} is not a duration`, {
      hint: bare
        ? `Say the unit: ${value.trim()}s or ${value.trim()}ms.`
        : 'Write a number with ms, s, m, h or d: 500ms, 30s, 2h, 7d, 1h30m.',
    });
  }
  return ms;
}

function millisecondsOf(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  const match = PATTERN.exec(trimmed);
  if (match === null || trimmed === '') return null;
  let ms = 0;
  for (const [index, size] of Object.values(UNITS).entries()) ms += Number(match[index + 1] ?? 0) * size;
  return Math.round(ms);
}

/** Exact text that `parseDuration` reads back: `30s`, `1h30m`, `250ms`. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0' : text;
}
