import { TarWriter } from './tar-writer.ts';

/** An archive in memory of these files, by relative path, that is the same whenever it is made: an image's build context, say. */
export function tarArchive(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const tar = new TarWriter();
  for (const [path, content] of Object.entries(files)) {
    tar.header({ path, type: 'File', mode: 0o644, size: content.length, mtime: new Date(0) });
    tar.content(content);
    tar.pad(content.length);
  }
  tar.end();
  return tar.take();
}
