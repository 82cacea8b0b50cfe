import { anyCase, type LanguageChecks } from './language-checks.ts';

/** A function by its name, with or without the leading backslash of the global namespace. */
const called = (names: readonly string[], more = '', predicate = '') =>
  `(function_call_expression function: [(name) (qualified_name)] @_f ${more} ${anyCase('_f', ...names.flatMap((name) => [name, `.${name}`]))} ${predicate}) @hit`;

const includes = ['include', 'include_once', 'require', 'require_once'].map((kind) => {
  const dynamic =
    '[(variable_name) (binary_expression) (subscript_expression) (function_call_expression) (encapsed_string (variable_name))]';
  return `(${kind}_expression [${dynamic} (parenthesized_expression ${dynamic})]) @hit`;
});

export const php: LanguageChecks = {
  id: 'php',
  title: 'PHP',
  aliases: [],
  grammar: 'php',
  rules: [
    {
      id: 'eval',
      message: 'runs text as code',
      query: called(['eval', 'create_function']),
    },
    {
      id: 'shell-command',
      message: 'starts another program, often through a shell',
      query: `${called(['exec', 'shell_exec', 'system', 'passthru', 'popen', 'proc_open', 'pcntl_exec'])} (shell_command_expression) @hit`,
    },
    {
      id: 'deserialization',
      message: 'makes objects out of bytes, which can run code',
      query: called(['unserialize']),
    },
    {
      id: 'dynamic-include',
      message: 'runs a file whose name is only known when it runs',
      query: includes.join(''),
    },
    {
      id: 'dynamic-call',
      message: 'calls a function whose name is only known when it runs',
      query: `(function_call_expression function: (variable_name)) @hit`,
    },
    {
      id: 'variables-from-input',
      message: 'makes variables out of data',
      query: called(['extract', 'parse_str']),
    },
    {
      id: 'native-code',
      message: 'loads native code',
      query: `${called(['dl'])}
        (scoped_call_expression scope: (name) @_c name: (name) @_f ${anyCase('_c', 'FFI')} ${anyCase('_f', 'cdef', 'load', 'scope')}) @hit`,
    },
    {
      id: 'sql-from-text',
      message: 'builds SQL out of pieces of text; a prepared statement does not',
      query: `${called(['mysqli_query', 'pg_query', 'mysql_query'], 'arguments: (arguments (argument [(binary_expression) (encapsed_string (variable_name))]))')}
        (member_call_expression name: (name) @_f arguments: (arguments . (argument [(binary_expression) (encapsed_string (variable_name))])) ${anyCase('_f', 'query', 'exec', 'prepare')}) @hit`,
    },
    {
      id: 'tls-unchecked',
      message: 'does not check who the server is',
      query: called(
        ['curl_setopt'],
        'arguments: (arguments (argument (name) @_o) . (argument [(boolean) (integer)] @_v))',
        `${anyCase('_o', 'CURLOPT_SSL_VERIFYPEER', 'CURLOPT_SSL_VERIFYHOST')} ${anyCase('_v', 'false', '0')}`,
      ),
    },
    {
      id: 'open-to-all',
      message: 'lets everybody write',
      query: called(
        ['chmod', 'mkdir'],
        'arguments: (arguments (argument (integer) @_mode))',
        '(#match? @_mode "^0[oO]?[0-7]?[0-7][0-7][2367]$")',
      ),
    },
  ],
};
