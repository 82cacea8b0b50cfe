import { anyOf, type LanguageChecks } from './language-checks.ts';

/** A method of anything. */
const method = (predicate: string, more = '') =>
  `(method_invocation name: (identifier) @_f ${more} ${predicate}) @hit`;
/** A static method of a class. */
const ofClass = (name: string, predicate: string, more = '') =>
  `(method_invocation object: (identifier) @_o name: (identifier) @_f ${more} (#eq? @_o "${name}") ${predicate}) @hit`;
const made = (...names: string[]) =>
  `(object_creation_expression type: (type_identifier) @_t ${anyOf('_t', ...names)}) @hit`;

export const java: LanguageChecks = {
  id: 'java',
  title: 'Java',
  aliases: [],
  grammar: 'java',
  rules: [
    {
      id: 'runtime-exec',
      message: 'starts another program',
      query: `(method_invocation object: (method_invocation name: (identifier) @_o) name: (identifier) @_f (#eq? @_o "getRuntime") (#eq? @_f "exec")) @hit`,
    },
    { id: 'process-builder', message: 'starts another program', query: made('ProcessBuilder') },
    {
      id: 'deserialization',
      message: 'makes objects out of bytes, which can run code',
      query: method(anyOf('_f', 'readObject', 'readUnshared')) + made('ObjectInputStream', 'XMLDecoder'),
    },
    {
      id: 'reflection',
      message: 'loads a class by name, or gets past what is private',
      query:
        ofClass('Class', '(#eq? @_f "forName")') +
        method('(#eq? @_f "setAccessible")', 'arguments: (argument_list (true))'),
    },
    {
      id: 'script-engine',
      message: 'runs text as code',
      query: made('ScriptEngineManager') + method('(#eq? @_f "getEngineByName")'),
    },
    {
      id: 'native-code',
      message: 'loads native code',
      query: ofClass('System', anyOf('_f', 'load', 'loadLibrary')),
    },
    {
      id: 'unsafe-memory',
      message: 'reads and writes memory unchecked',
      query: `(import_declaration (scoped_identifier) @_i (#match? @_i "^(sun|jdk.internal).misc.Unsafe$")) @hit
        ((scoped_type_identifier) @_i (#eq? @_i "sun.misc.Unsafe")) @hit`,
    },
    {
      id: 'sql-from-text',
      message: 'builds SQL out of pieces of text; a prepared statement does not',
      query: method(
        anyOf('_f', 'executeQuery', 'executeUpdate', 'execute', 'prepareStatement', 'createQuery'),
        'arguments: (argument_list . (binary_expression))',
      ),
    },
    {
      id: 'weak-hash',
      message: 'is a hash that can be forged',
      query: ofClass(
        'MessageDigest',
        '(#eq? @_f "getInstance") (#match? @_a "^.([mM][dD][25]|[sS][hH][aA]-?1?).$")',
        'arguments: (argument_list (string_literal) @_a)',
      ),
    },
  ],
};
