import { anyOf, type LanguageChecks } from './language-checks.ts';

/** A function of a module: `os.system(…)`. */
const member = (object: string, predicate: string, more = '') =>
  `(call function: (attribute object: (identifier) @_o attribute: (identifier) @_f) ${more} (#eq? @_o "${object}") ${predicate}) @hit`;

/** The same, imported by its own name. */
const imported = (module: string, predicate: string) =>
  `(import_from_statement module_name: (dotted_name) @_m name: (dotted_name) @_f (#eq? @_m "${module}") ${predicate}) @hit`;

const option = (name: string, value: string) =>
  `arguments: (argument_list (keyword_argument name: (identifier) @_k value: (${value})) (#eq? @_k "${name}"))`;

const osCommands = anyOf(
  '_f',
  ...['system', 'popen', 'execv', 'execve', 'execvp', 'execvpe', 'execl', 'execle', 'execlp', 'execlpe'],
  ...['spawnl', 'spawnle', 'spawnlp', 'spawnlpe', 'spawnv', 'spawnve', 'spawnvp', 'posix_spawn'],
);
const load = anyOf('_f', 'load', 'loads', 'Unpickler');

export const python: LanguageChecks = {
  id: 'python',
  title: 'Python',
  aliases: ['python3'],
  grammar: 'python',
  rules: [
    {
      id: 'eval',
      message: 'runs text as code',
      query: `(call function: (identifier) @_f ${anyOf('_f', 'eval', 'exec')}) @hit`,
    },
    {
      id: 'os-command',
      message: 'starts a program through the operating system, often a shell',
      query: member('os', osCommands) + imported('os', osCommands),
    },
    {
      id: 'subprocess-shell',
      message: 'gives a command line to a shell',
      query:
        `(call function: (attribute object: (identifier) @_o) ${option('shell', 'true')} (#eq? @_o "subprocess")) @hit` +
        `(call function: (identifier) @_f ${option('shell', 'true')} ${anyOf('_f', 'run', 'call', 'Popen', 'check_call', 'check_output')}) @hit` +
        member('subprocess', anyOf('_f', 'getoutput', 'getstatusoutput')),
    },
    {
      id: 'deserialization',
      message: 'makes objects out of bytes, which can run code',
      query: ['pickle', 'cPickle', 'dill', 'marshal']
        .flatMap((module) => [member(module, load), imported(module, load)])
        .concat(member('shelve', '(#eq? @_f "open")'))
        .join(''),
    },
    {
      id: 'yaml-load',
      message: 'makes any Python object out of YAML; `yaml.safe_load` does not',
      query: member('yaml', anyOf('_f', 'load', 'load_all', 'unsafe_load', 'full_load')),
    },
    {
      id: 'dynamic-import',
      message: 'loads a module whose name is only known when it runs',
      query: `(call function: (identifier) @_f (#eq? @_f "__import__")) @hit ${member('importlib', '(#eq? @_f "import_module")')}`,
    },
    {
      id: 'remove-tree',
      message: 'removes a directory with all that is in it',
      query: member('shutil', '(#eq? @_f "rmtree")') + imported('shutil', '(#eq? @_f "rmtree")'),
    },
    {
      id: 'native-code',
      message: 'calls native code past the interpreter',
      query: `(import_statement name: (dotted_name) @_m (#eq? @_m "ctypes")) @hit
        (import_from_statement module_name: (dotted_name) @_m (#eq? @_m "ctypes")) @hit`,
    },
    {
      id: 'tls-unchecked',
      message: 'does not check who the server is',
      query: `(call ${option('verify', 'false')}) @hit ${member('ssl', '(#eq? @_f "_create_unverified_context")')}`,
    },
    {
      id: 'open-to-all',
      message: 'lets everybody write',
      query: member(
        'os',
        '(#eq? @_f "chmod") (#match? @_mode "^0[oO]0?[0-7]?[0-7][0-7][2367]$")',
        'arguments: (argument_list (integer) @_mode)',
      ),
    },
    {
      id: 'guessable-file',
      message: 'makes a file name that others can take first',
      query: member('tempfile', '(#eq? @_f "mktemp")'),
    },
  ],
};
