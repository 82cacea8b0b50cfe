import { UsageError } from '../usage-error.ts';

type HostEnv = Readonly<Record<string, string | undefined>>;

/**
 * One `K=V`, or `K` alone, which takes the host's value. Nothing else of the host's environment gets into a sandbox, so a name that is
 * not set there is a mistake, not an empty value.
 */
export function parseAssignment(text: string, host: HostEnv, where: string): readonly [string, string] {
  const equals = text.indexOf('=');
  const name = equals === -1 ? text : text.slice(0, equals);
  if (name === '') {
    throw new UsageError(
      `${where}: "${text}" has no name before the "="`,
      'Write NAME=VALUE, or NAME to take the value that NAME has here.',
    );
  }
  if (/\s/.test(name)) {
    throw new UsageError(`${where}: the name "${name}" contains white space`, 'Write NAME=VALUE.');
  }
  if (equals !== -1) return [name, text.slice(equals + 1)];
  const value = host[name];
  if (value === undefined) {
    throw new UsageError(
      `${where}: ${name} is not set here`,
      `Give it a value, as in ${name}=value, or set it in this shell first.`,
    );
  }
  return [name, value];
}

/** The file format that docker has: one assignment a line, taken as it is (no quotes, no escapes); `#` starts a comment line. */
export function parseEnvFile(content: string, file: string, host: HostEnv): Record<string, string> {
  const env: Record<string, string> = Object.create(null);
  const lines = content.replace(/^\ufeff/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const text = line.trimStart();
    if (text === '' || text.startsWith('#')) continue;
    const [name, value] = parseAssignment(text, host, `${file}, line ${index + 1}`);
    env[name] = value;
  }
  return env;
}
