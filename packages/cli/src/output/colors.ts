import { styleText } from 'node:util';
import type { OutputStream } from '../cli-io.ts';

export type Style = 'good' | 'poor' | 'bad' | 'heading' | 'quiet';
/** Colours a text for one stream, or leaves it alone. */
export type Paint = (style: Style, text: string) => string;

const FORMATS = {
  good: 'green',
  poor: 'yellow',
  bad: 'red',
  heading: 'bold',
  quiet: 'dim',
} as const satisfies Record<Style, Parameters<typeof styleText>[0]>;

/** FORCE_COLOR wins over NO_COLOR, which wins over what the stream is (no-color.org, force-color.org). */
export function usesColor(
  stream: Pick<OutputStream, 'isTTY'>,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env.NO_COLOR) return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

export function painter(
  stream: Pick<OutputStream, 'isTTY'>,
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  return usesColor(stream, env)
    ? (style, text) => styleText(FORMATS[style], text, { validateStream: false })
    : (_style, text) => text;
}
