import { anyOf, type LanguageChecks } from './language-checks.ts';

/** A function of the kernel: `system '…'`. */
const bare = (predicate: string, more = 'arguments: (argument_list)') =>
  `(call !receiver method: (identifier) @_f ${more} ${predicate}) @hit`;
const ofConstant = (object: string, predicate: string, more = '') =>
  `(call receiver: (constant) @_o method: (identifier) @_f ${more} ${object} ${predicate}) @hit`;
const method = (predicate: string, more: string) =>
  `(call receiver: (_) method: (identifier) @_f ${more} ${predicate}) @hit`;
const commands = anyOf('_f', 'system', 'exec', 'spawn');
const notLiteral =
  'arguments: (argument_list . [(identifier) (call) (string (interpolation)) (element_reference) (binary) (instance_variable)])';

export const ruby: LanguageChecks = {
  id: 'ruby',
  title: 'Ruby',
  aliases: ['rb'],
  grammar: 'ruby',
  rules: [
    {
      id: 'eval',
      message: 'runs text as code',
      query:
        bare('(#eq? @_f "eval")') +
        ofConstant('(#eq? @_o "Kernel")', '(#eq? @_f "eval")') +
        method(
          anyOf('_f', 'instance_eval', 'class_eval', 'module_eval', 'eval'),
          'arguments: (argument_list)',
        ),
    },
    {
      id: 'shell-command',
      message: 'starts another program, often through a shell',
      query: `${bare(commands)} ${ofConstant(anyOf('_o', 'Kernel', 'Process'), commands)} (subshell) @hit`,
    },
    {
      id: 'pipe-command',
      message: 'starts another program and talks to it',
      query:
        ofConstant('(#eq? @_o "IO")', '(#eq? @_f "popen")') +
        ofConstant('(#eq? @_o "Open3")', '(#match? @_f "^(popen|capture|pipeline)")') +
        bare(
          '(#eq? @_f "open") (#match? @_s "^[ ]*[|]")',
          'arguments: (argument_list . (string (string_content) @_s))',
        ),
    },
    {
      id: 'deserialization',
      message: 'makes objects out of bytes, which can run code',
      query:
        ofConstant('(#eq? @_o "Marshal")', anyOf('_f', 'load', 'restore')) +
        ofConstant(anyOf('_o', 'YAML', 'Psych'), anyOf('_f', 'load', 'unsafe_load', 'unsafe_load_file')),
    },
    {
      id: 'dynamic-call',
      message: 'calls a method or finds a class whose name is only known when it runs',
      query:
        method(anyOf('_f', 'send', 'public_send', '__send__', 'const_get'), notLiteral) +
        `(call receiver: (_) method: (identifier) @_f (#eq? @_f "constantize")) @hit`,
    },
    {
      id: 'remove-tree',
      message: 'removes a directory with all that is in it',
      query: ofConstant(
        '(#eq? @_o "FileUtils")',
        anyOf('_f', 'rm_rf', 'rm_r', 'rmtree', 'remove_dir', 'remove_entry'),
      ),
    },
    {
      id: 'tls-unchecked',
      message: 'does not check who the server is',
      query: `((scope_resolution name: (constant) @_n) (#eq? @_n "VERIFY_NONE")) @hit`,
    },
    {
      id: 'open-to-all',
      message: 'lets everybody write',
      query: ofConstant(
        anyOf('_o', 'File', 'FileUtils'),
        '(#eq? @_f "chmod") (#match? @_mode "^0[oO]?[0-7]?[0-7][0-7][2367]$")',
        'arguments: (argument_list . (integer) @_mode)',
      ),
    },
  ],
};
