import { SandboxError } from '../errors/sandbox-error.ts';

const SHELL_HINT =
  "Give the program and each of its arguments as a text of its own: ['npm', 'test']. For shell syntax: sandbox.shell`npm test | tail`, or ['sh', '-c', 'npm test | tail'].";

/** Returns the command, or throws `INVALID_ARGUMENT`: it is a list of texts, the first not empty, none with a NUL byte. It reaches the guest byte for byte. */
export function validateCommand(command: unknown): readonly string[] {
  if (typeof command === 'string') {
    throw invalid(`a command is a list of arguments, not the text ${JSON.stringify(command)}`, SHELL_HINT);
  }
  if (!Array.isArray(command)) throw invalid('a command is a list of arguments', SHELL_HINT);
  if (command.length === 0) throw invalid('the command is empty', SHELL_HINT);
  for (const [index, argument] of command.entries()) checkArgument(argument, index);
  if (command[0] === '') throw invalid('the name of the program is empty', SHELL_HINT);
  return command;
}

function checkArgument(argument: unknown, index: number): void {
  const what = `argument ${index} of the command`;
  if (typeof argument !== 'string')
    throw invalid(`${what} is not a text but ${describe(argument)}`, SHELL_HINT);
  checkText(argument, what);
}

/** Returns the environment, or throws `INVALID_ARGUMENT`: names are not empty and have no `=`, nothing has a NUL byte. `what` names the option in the message. */
export function validateEnv(env: unknown, what = 'env'): Readonly<Record<string, string>> {
  if (typeof env !== 'object' || env === null || Array.isArray(env)) {
    throw invalid(`${what} is not an object of names and texts`, "Write { NAME: 'value' }.");
  }
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || name.includes('=')) {
      throw invalid(
        `${what}: ${JSON.stringify(name)} is not a name of a variable`,
        'A name has at least one character, and no `=`: NAME=value.',
      );
    }
    checkText(name, `${what}: the name ${JSON.stringify(name)}`);
    if (typeof value !== 'string') {
      throw invalid(
        `${what}: ${name} is not a text but ${describe(value)}`,
        'Values are texts: write "1" for 1.',
      );
    }
    checkText(value, `${what}: the value of ${name}`);
  }
  return env as Readonly<Record<string, string>>;
}

function checkText(text: string, what: string): void {
  if (text.includes('\0')) {
    throw invalid(
      `${what} contains a NUL byte`,
      'Linux ends every argument and variable at a NUL byte: pass such data on stdin or in a file.',
    );
  }
  if (!text.isWellFormed()) {
    throw invalid(
      `${what} contains half of a surrogate pair`,
      'Such a text has no bytes in UTF-8: pass such data on stdin or in a file.',
    );
  }
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
}

function invalid(message: string, hint: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', message, { hint });
}
