import { constants, type Stats } from 'node:fs';
import { access, open, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SandboxError } from '@sandbox/core';

/** Far more than anybody writes by hand. */
const LARGEST = 2 ** 20;

export interface ConfigText {
  readonly text: string;
  /** Who else could change it, where that is not reason enough to refuse it. */
  readonly warnings: readonly string[];
}

/**
 * Reads a configuration file. It decides what sandboxes may do and which programs are started, so one that anybody may write to is refused (`FAILED_PRECONDITION`), and
 * one that another user owns too, unless somebody named it. `NOT_FOUND` when it is not there.
 */
export async function readConfigFile(
  file: string,
  { named }: { readonly named: boolean },
): Promise<ConfigText> {
  // A pipe or a device would keep us waiting.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause) => {
    throw unreadable(file, cause);
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw refused(file, 'it is not a file');
    if (stats.size > LARGEST) throw refused(file, `it is larger than ${LARGEST} bytes`);
    const warnings = (await isReadOnly(file)) ? [] : await whoElseWrites(file, stats, named);
    const bytes = await handle.readFile();
    return { text: decode(file, bytes), warnings };
  } finally {
    await handle.close();
  }
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw refused(file, 'it is not UTF-8', cause);
  }
}

/** Nobody changes what is mounted read-only, whatever its mode says; clusters mount configuration like that. */
async function isReadOnly(file: string): Promise<boolean> {
  const code = await access(file, constants.W_OK).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  return code === 'EROFS';
}

async function whoElseWrites(file: string, stats: Stats, named: boolean): Promise<string[]> {
  const me = process.getuid?.();
  if (me === undefined) return [];
  if (stats.mode & 0o002)
    throw refused(file, 'everybody may write to it', undefined, `chmod o-w ${word(file)}`);
  for (const directory of new Set([file, await realpath(file)].flatMap(directoriesAbove))) {
    const { mode } = await stat(directory);
    // In a directory with the sticky bit nobody can exchange what is another's.
    if (mode & 0o002 && !(mode & 0o1000))
      throw refused(
        file,
        `everybody may exchange it, in ${directory}`,
        undefined,
        `chmod o-w ${word(directory)}`,
      );
  }
  const warnings: string[] = [];
  if (stats.uid !== 0 && stats.uid !== me) {
    const whose = `it belongs to another user (uid ${stats.uid})`;
    if (!named) throw refused(file, whose, undefined, `chown ${me} ${word(file)}`);
    warnings.push(`${file}: ${whose}, who decides what sandboxes may do`);
  }
  if (stats.mode & 0o020 && stats.gid !== 0 && stats.gid !== process.getgid?.())
    warnings.push(`${file}: group ${stats.gid} may write to it, and decides what sandboxes may do`);
  return warnings;
}

/** Who may exchange any of them may exchange the file. */
function directoriesAbove(path: string): string[] {
  const directory = dirname(path);
  return directory === path ? [] : [directory, ...directoriesAbove(directory)];
}

/** As a shell reads it: hints are copied. */
function word(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function refused(file: string, why: string, cause?: unknown, command?: string): SandboxError {
  return new SandboxError('FAILED_PRECONDITION', `the configuration ${file} cannot be used: ${why}`, {
    operation: 'config',
    hint:
      command === undefined
        ? 'Give a text file of your own, as `sandbox config init` writes it.'
        : `Run: ${command}`,
    cause,
  });
}

function unreadable(file: string, cause: NodeJS.ErrnoException): SandboxError {
  const { code } = cause;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new SandboxError('NOT_FOUND', `the configuration ${file} is not there`, {
      operation: 'config',
      hint: 'Name one that is there; `sandbox config init` writes one to begin with.',
      cause,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new SandboxError('PERMISSION_DENIED', `the configuration ${file} may not be read`, {
      operation: 'config',
      hint: 'Make it readable for the user who runs sandboxes; nothing is run without knowing what it says.',
      cause,
    });
  }
  return refused(file, code ?? cause.message, cause);
}
