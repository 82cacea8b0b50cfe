/** An entry of an archive as an attacker would make it: nothing is checked. */
export interface TarEntry {
  readonly name: string;
  readonly content?: string;
  /** A symbolic link. */
  readonly linkTo?: string;
}

export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(1024)]);
}

function blocksOf({ name, content = '', linkTo }: TarEntry): Buffer[] {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  const put = (offset: number, text: string) => header.write(text, offset, 'utf8');
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  put(0, name);
  put(100, octal(0o644, 8));
  put(108, octal(0, 8));
  put(116, octal(0, 8));
  put(124, octal(body.length, 12));
  put(136, octal(0, 12));
  put(148, '        ');
  put(156, linkTo === undefined ? '0' : '2');
  put(157, linkTo ?? '');
  put(257, 'ustar\x0000');
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
}
