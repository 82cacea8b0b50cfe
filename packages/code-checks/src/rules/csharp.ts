import { anyOf, type LanguageChecks } from './language-checks.ts';

/** A static method, by the last part of its class's name. */
const ofClass = (name: string, predicate: string, more = '') =>
  `(invocation_expression function: (member_access_expression expression: [(identifier) (member_access_expression)] @_o name: (identifier) @_f) ${more} (#match? @_o "(^|[.])${name}$") ${predicate}) @hit`;
const made = (predicate: string, more = '') =>
  `(object_creation_expression type: [(identifier) (qualified_name)] @_t ${more} ${predicate}) @hit`;
const className = (...names: string[]) => `(#match? @_t "(^|[.])(${names.join('|')})$")`;
const callback = anyOf(
  '_p',
  'ServerCertificateCustomValidationCallback',
  'ServerCertificateValidationCallback',
  'RemoteCertificateValidationCallback',
);

export const csharp: LanguageChecks = {
  id: 'csharp',
  title: 'C#',
  aliases: ['dotnet', 'cs'],
  grammar: 'c-sharp',
  rules: [
    {
      id: 'start-process',
      message: 'starts another program',
      query: ofClass('Process', '(#eq? @_f "Start")') + made(className('ProcessStartInfo')),
    },
    {
      id: 'deserialization',
      message: 'makes objects out of bytes, which can run code',
      query: made(
        className(
          'BinaryFormatter',
          'SoapFormatter',
          'LosFormatter',
          'NetDataContractSerializer',
          'ObjectStateFormatter',
        ),
      ),
    },
    {
      id: 'load-assembly',
      message: 'loads code from a file or from bytes',
      query: ofClass('Assembly', anyOf('_f', 'Load', 'LoadFrom', 'LoadFile', 'UnsafeLoadFrom')),
    },
    {
      id: 'native-code',
      message: 'calls native code',
      query: `(attribute name: (identifier) @_a ${anyOf('_a', 'DllImport', 'LibraryImport')}) @hit
        ${ofClass('NativeLibrary', anyOf('_f', 'Load', 'TryLoad'))}`,
    },
    {
      id: 'unsafe-memory',
      message: 'reads and writes memory unchecked',
      query: `(unsafe_statement) @hit ((modifier) @_u (#eq? @_u "unsafe")) @hit`,
    },
    {
      id: 'reflection',
      message: 'makes an object of a class whose name is only known when it runs',
      query:
        ofClass('Activator', anyOf('_f', 'CreateInstance', 'CreateInstanceFrom')) +
        ofClass('Type', '(#eq? @_f "GetType")'),
    },
    {
      id: 'eval',
      message: 'runs text as code',
      query: ofClass('CSharpScript', anyOf('_f', 'EvaluateAsync', 'RunAsync', 'Create')),
    },
    {
      id: 'remove-tree',
      message: 'removes a directory with all that is in it',
      query: ofClass(
        'Directory',
        '(#eq? @_f "Delete") (#eq? @_r "true")',
        'arguments: (argument_list (argument) (argument (boolean_literal) @_r))',
      ),
    },
    {
      id: 'tls-unchecked',
      message: 'decides itself whether to believe the server',
      query: `(assignment_expression left: [(identifier) @_p (member_access_expression name: (identifier) @_p)] ${callback}) @hit`,
    },
    {
      id: 'sql-from-text',
      message: 'builds SQL out of pieces of text; parameters do not',
      query: made(
        '(#match? @_t "Command$")',
        'arguments: (argument_list . (argument [(binary_expression) (interpolated_string_expression (interpolation))]))',
      ),
    },
  ],
};
