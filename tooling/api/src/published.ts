import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A way into a package: `.` or a subpath. */
export interface EntryPoint {
  /** Of the report, without its ending. */
  readonly name: string;
  readonly packageName: string;
  readonly folder: string;
  /** The declarations that a build has made. */
  readonly declarations: string;
}

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string | { readonly types?: string }>>;
}

/** All that can be imported of what is published. */
export function entryPoints(): readonly EntryPoint[] {
  const folders = globSync('{packages,apps}/*/package.json', { cwd: root }).map((file) =>
    path.join(root, path.dirname(file)),
  );
  return folders.sort().flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
    if (manifest.private) return [];
    return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
      if (typeof target === 'string' || target.types === undefined) return [];
      const part = subpath === '.' ? '' : `-${subpath.slice(2).replaceAll('/', '-')}`;
      const name = `${manifest.name.replace('@sandbox/', '')}${part}`;
      const declarations = path.join(folder, target.types);
      return [{ name, packageName: manifest.name, folder, declarations }];
    });
  });
}
