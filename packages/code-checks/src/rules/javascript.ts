import { anyOf, type CallRule, type LanguageChecks } from './language-checks.ts';

const named = (predicate: string, more = '') =>
  `(call_expression function: (identifier) @_f ${more} ${predicate}) @hit`;
const member = (object: string, predicate: string, more = '') =>
  `(call_expression function: (member_expression object: (identifier) @_o property: (property_identifier) @_f) ${more} ${object} ${predicate}) @hit`;
const option = (name: string, value: string) =>
  `(pair key: [(property_identifier) (string)] @_k value: (${value}) (#match? @_k "^['\\"]?${name}['\\"]?$"))`;
const withOption = (name: string, value: string) => `arguments: (arguments (object ${option(name, value)}))`;

const childProcess = (capture: string) => `(#match? @${capture} "^.(node:)?child_process.$")`;
const shells = anyOf('_f', 'exec', 'execSync');
const removals = anyOf('_f', 'rm', 'rmSync', 'rmdir', 'rmdirSync');

/** TypeScript is checked by the same. */
export const javascriptRules: readonly CallRule[] = [
  { id: 'eval', message: 'runs text as code', query: named('(#eq? @_f "eval")') },
  {
    id: 'function-from-text',
    message: 'makes a function out of text',
    query: `(new_expression constructor: (identifier) @_f (#eq? @_f "Function")) @hit ${named('(#eq? @_f "Function")')}`,
  },
  {
    id: 'text-timer',
    message: 'runs text as code, later',
    query: named(
      anyOf('_f', 'setTimeout', 'setInterval', 'setImmediate'),
      'arguments: (arguments . [(string) (template_string)])',
    ),
  },
  {
    id: 'child-process',
    message: 'can start other programs',
    query: `(call_expression function: [(identifier) (import)] @_f arguments: (arguments . (string) @_m) ${anyOf('_f', 'require', 'import')} ${childProcess('_m')}) @hit
      (import_statement source: (string) @_m ${childProcess('_m')}) @hit`,
  },
  {
    id: 'shell-command',
    message: 'gives a command line to a shell',
    query:
      named(shells) +
      member(anyOf('_o', 'child_process', 'childProcess', 'cp'), shells) +
      `(call_expression ${withOption('shell', 'true')}) @hit`,
  },
  {
    id: 'vm',
    message: 'runs text as code; the vm module does not isolate',
    query: `${member('(#eq? @_o "vm")', anyOf('_f', 'runInThisContext', 'runInNewContext', 'runInContext', 'compileFunction'))}
      (new_expression constructor: (member_expression object: (identifier) @_o property: (property_identifier) @_f) (#eq? @_o "vm") (#eq? @_f "Script")) @hit`,
  },
  {
    id: 'dynamic-import',
    message: 'loads a module whose name is only known when it runs',
    query: `(call_expression function: [(identifier) (import)] @_f
      arguments: (arguments . [(identifier) (binary_expression) (member_expression) (call_expression) (subscript_expression) (template_string (template_substitution))])
      ${anyOf('_f', 'require', 'import')}) @hit`,
  },
  {
    id: 'remove-tree',
    message: 'removes a directory with all that is in it',
    query:
      named(removals, withOption('recursive', 'true')) +
      `(call_expression function: (member_expression property: (property_identifier) @_f) ${withOption('recursive', 'true')} ${removals}) @hit`,
  },
  {
    id: 'native-code',
    message: 'reaches into the runtime or loads native code',
    query: member('(#eq? @_o "process")', anyOf('_f', 'binding', 'dlopen', '_linkedBinding')),
  },
  {
    id: 'tls-unchecked',
    message: 'does not check who the server is',
    query: `${option('rejectUnauthorized', 'false')} @hit
      (assignment_expression left: (member_expression property: (property_identifier) @_p) (#eq? @_p "NODE_TLS_REJECT_UNAUTHORIZED")) @hit`,
  },
  {
    id: 'html-from-text',
    message: 'puts text into a page as HTML',
    query: `${member('(#eq? @_o "document")', anyOf('_f', 'write', 'writeln'))}
      (assignment_expression left: (member_expression property: (property_identifier) @_p) ${anyOf('_p', 'innerHTML', 'outerHTML')}) @hit`,
  },
];

export const javascript: LanguageChecks = {
  id: 'javascript',
  title: 'JavaScript',
  aliases: ['node', 'nodejs', 'js'],
  grammar: 'javascript',
  rules: javascriptRules,
};
