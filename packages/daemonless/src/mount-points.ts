/** Mount points strictly below a path, from the bytes of `/proc/self/mountinfo` (read as latin1). Pure. */
export function mountPointsBelow(mountinfo: string, path: string): string[] {
  const prefix = path === '/' ? '/' : `${path}/`;
  const points = mountinfo.split('\n').map((line) => decodeOctal(line.split(' ')[4] ?? ''));
  return [...new Set(points)].filter((point) => point.startsWith(prefix) && point !== path).toSorted();
}

function decodeOctal(text: string): string {
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
