import { failure } from './failure.ts';

const factors: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** `512m`, `1.5GiB`, `1024`: a bare number is bytes. */
export function bytesOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmgtp]?)(b|ib)?$/.exec(text.trim().toLowerCase());
  const [, number = '', unit = '', suffix] = match ?? [];
  if (match === null || (unit === '' && suffix === 'ib') || (unit === 'b' && suffix !== undefined))
    throw failure(`invalid size string: ${text}`);
  return Number(number) * (factors[unit] ?? 1);
}

/** As everything that is a size of memory is read: whole MiB, the rest cut off. */
export function wholeMebibytes(text: string): number {
  return Math.floor(bytesOf(text) / 2 ** 20) * 2 ** 20;
}
