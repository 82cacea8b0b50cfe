import { anyOf, type LanguageChecks } from './language-checks.ts';

/** A function of a package: `exec.Command(…)`. */
const member = (object: string, predicate: string, more = '') =>
  `(call_expression function: (selector_expression operand: (identifier) @_o field: (field_identifier) @_f) ${more} (#eq? @_o "${object}") ${predicate}) @hit`;
const method = (predicate: string, more: string) =>
  `(call_expression function: (selector_expression field: (field_identifier) @_f) ${more} ${predicate}) @hit`;
const queries = anyOf('_f', 'Query', 'QueryRow', 'QueryContext', 'QueryRowContext', 'Exec', 'ExecContext');

export const go: LanguageChecks = {
  id: 'go',
  title: 'Go',
  aliases: ['golang'],
  grammar: 'go',
  rules: [
    {
      id: 'exec-command',
      message: 'starts another program',
      query:
        member('exec', anyOf('_f', 'Command', 'CommandContext')) + member('os', '(#eq? @_f "StartProcess")'),
    },
    {
      id: 'system-call',
      message: 'calls the kernel past the standard library',
      query: member(
        'syscall',
        anyOf(
          '_f',
          'Exec',
          'ForkExec',
          'StartProcess',
          'Syscall',
          'Syscall6',
          'RawSyscall',
          'RawSyscall6',
          'Mount',
        ),
      ),
    },
    {
      id: 'unsafe-memory',
      message: 'reads and writes memory unchecked',
      query: `(import_spec path: (_) @_p (#match? @_p "^.unsafe.$")) @hit`,
    },
    {
      id: 'native-code',
      message: 'calls C, or loads native code',
      query: `(import_spec path: (_) @_p (#match? @_p "^.C.$")) @hit ${member('plugin', '(#eq? @_f "Open")')}`,
    },
    {
      id: 'remove-tree',
      message: 'removes a directory with all that is in it',
      query: member('os', '(#eq? @_f "RemoveAll")'),
    },
    {
      id: 'open-to-all',
      message: 'lets everybody write',
      query: member(
        'os',
        `${anyOf('_f', 'Chmod', 'Mkdir', 'MkdirAll', 'OpenFile', 'WriteFile')} (#match? @_mode "^0[oO]?[0-7]?[0-7][0-7][2367]$")`,
        'arguments: (argument_list (int_literal) @_mode)',
      ),
    },
    {
      id: 'tls-unchecked',
      message: 'does not check who the server is',
      query: `(keyed_element key: (literal_element (identifier) @_k) value: (literal_element (true)) (#eq? @_k "InsecureSkipVerify")) @hit
        (assignment_statement left: (expression_list (selector_expression field: (field_identifier) @_k)) right: (expression_list (true)) (#eq? @_k "InsecureSkipVerify")) @hit`,
    },
    {
      id: 'html-from-text',
      message: 'puts text into a page as HTML',
      query: member('template', anyOf('_f', 'HTML', 'JS', 'URL', 'HTMLAttr')),
    },
    {
      id: 'sql-from-text',
      message: 'builds SQL out of pieces of text; parameters do not',
      query:
        method(queries, 'arguments: (argument_list (binary_expression))') +
        method(
          `${queries} (#eq? @_fmt "fmt") (#eq? @_s "Sprintf")`,
          'arguments: (argument_list (call_expression function: (selector_expression operand: (identifier) @_fmt field: (field_identifier) @_s)))',
        ),
    },
  ],
};
