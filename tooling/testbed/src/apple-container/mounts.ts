import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { failure } from './failure.ts';
import { wholeMebibytes } from './sizes.ts';

/** One entry of `configuration.mounts`, before a volume's place on the disk is known. */
export interface Mount {
  readonly type: 'virtiofs' | 'tmpfs' | 'volume';
  readonly source: string;
  readonly destination: string;
  readonly options: readonly string[];
}

const volumeName = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

export function tmpfsMount(destination: string): Mount {
  if (destination === '') throw failure('mount destination cannot be empty');
  return { type: 'tmpfs', source: '', destination, options: [] };
}

/** `src:dst[:options]`, `name:dst[:options]` or `dst`. */
export function volumeMount(text: string, directory: string): Mount {
  const parts = text.split(':').filter((part) => part !== '');
  const [source = '', destination = '', options = ''] = parts;
  if (parts.length === 1)
    return { type: 'volume', source: anonymousName(), destination: source, options: [] };
  if (parts.length !== 2 && parts.length !== 3) throw failure(`invalid volume format ${text}`);
  const list = options.split(',').filter((option) => option !== '');
  if (!source.includes('/') && source !== '.' && source !== '..') {
    return { type: 'volume', source: checkVolumeName(source), destination, options: list };
  }
  const path = resolve(directory, source);
  if (!existsSync(path)) throw failure(`path '${source}' does not exist`);
  return { type: 'virtiofs', source: path, destination, options: list };
}

/** `type=bind,source=/src,target=/dst,readonly`. */
export function directiveMount(text: string, directory: string): Mount {
  const directives = readDirectives(text);
  const { type = 'virtiofs', source, destination = '' } = directives;
  if (!['bind', 'virtiofs', 'tmpfs', 'volume'].includes(type))
    throw failure(`unsupported mount type ${type}`);
  const options = optionsOf(directives, type);
  if (type === 'tmpfs') {
    if (source !== undefined) throw failure('cannot specify source for tmpfs mount');
    if (destination === '') throw failure('mount destination cannot be empty');
    return { type, source: '', destination, options };
  }
  if (type === 'volume') {
    if (destination === '') throw failure('volume destination cannot be empty');
    return {
      type,
      source: source === undefined ? anonymousName() : checkVolumeName(source),
      destination,
      options,
    };
  }
  if (source === undefined) throw failure(' is not an absolute path on the host');
  const path = resolve(directory, source);
  if (!existsSync(path)) throw failure(`path '${source}' does not exist`);
  if (!statSync(path).isDirectory()) throw failure(`path '${source}' is not a directory`);
  if (destination === '') throw failure('mount destination cannot be empty');
  return { type: 'virtiofs', source: path, destination, options };
}

const names: Readonly<Record<string, string>> = {
  type: 'type',
  size: 'size',
  mode: 'mode',
  source: 'source',
  src: 'source',
  destination: 'destination',
  dst: 'destination',
  target: 'destination',
  readonly: 'ro',
  ro: 'ro',
};

function readDirectives(text: string): Record<string, string> {
  const parts = text.split(',').filter((part) => part !== '');
  if (parts.length === 0) throw failure(`invalid mount format: ${text}`);
  const directives: Record<string, string> = {};
  for (const part of parts) {
    const [key = '', ...values] = part.split('=').filter((piece) => piece !== '');
    const name = names[key];
    if (name === undefined) throw failure(`unknown directive ${key} when parsing mount ${text}`);
    if (name !== 'ro' && values.length !== 1)
      throw failure(`invalid directive format missing value ${part} in ${text}`);
    directives[name] = name === 'ro' ? '' : (values[0] ?? '');
  }
  return directives;
}

function optionsOf({ ro, size, mode }: Record<string, string>, type: string): string[] {
  const options = ro === undefined ? [] : ['ro'];
  for (const [key, value] of Object.entries({ size, mode })) {
    if (value === undefined) continue;
    if (type !== 'tmpfs') throw failure(`unsupported option ${key} for ${type} mount`);
    options.push(`${key}=${key === 'size' ? wholeMebibytes(value) : value}`);
  }
  return options.sort();
}

function checkVolumeName(name: string): string {
  if (volumeName.test(name)) return name;
  throw failure(`invalid volume name '${name}': must match ${volumeName.source}`);
}

function anonymousName(): string {
  return crypto.randomUUID().toLowerCase();
}
