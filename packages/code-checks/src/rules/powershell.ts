import { anyCase, type LanguageChecks } from './language-checks.ts';

const command = (...names: string[]) =>
  `(command command_name: (command_name) @_n ${anyCase('_n', ...names)}) @hit`;
/** With an option, which may be cut short: `-Enc`. */
const withOption = (names: readonly string[], option: string, predicate = '') =>
  `(command command_name: (command_name) @_n command_elements: (command_elements (command_parameter) @_p) ${anyCase('_n', ...names)} (#match? @_p "${option}") ${predicate}) @hit`;
const ofType = (type: string, ...members: string[]) =>
  `(invokation_expression (type_literal) @_t (member_name) @_m (#match? @_t "${type}") ${anyCase('_m', ...members)}) @hit`;

export const powershell: LanguageChecks = {
  id: 'powershell',
  title: 'PowerShell',
  aliases: ['pwsh'],
  grammar: 'powershell',
  // Without it, a script of nothing but comments is an error.
  suffix: '\n;',
  gaps: '`??`, `?.`, `? :`, and a `param` block or a `switch` case with more on its line',
  rules: [
    {
      id: 'eval',
      message: 'runs text as code',
      query:
        command('Invoke-Expression', 'iex') +
        ofType('^.[sS][cC][rR][iI][pP][tT][bB][lL][oO][cC][kK].$', 'Create'),
    },
    {
      id: 'start-process',
      message: 'starts another program',
      query: command('Start-Process', 'saps') + ofType('[pP][rR][oO][cC][eE][sS][sS].$', 'Start'),
    },
    {
      id: 'hidden-command',
      message: 'runs a command that is encoded',
      query: withOption(
        ['powershell', 'powershell.exe', 'pwsh', 'pwsh.exe'],
        '^[-/][eE]([cC]|[nN][cC]?[a-zA-Z]*)?$',
      ),
    },
    {
      id: 'dynamic-command',
      message: 'runs a command whose name is only known when it runs',
      query: `(command (command_invokation_operator) command_name: (command_name_expr (path_command_name (variable)))) @hit
        (command (command_invokation_operator) command_name: (command_name_expr (variable))) @hit`,
    },
    {
      id: 'download',
      message: 'fetches something that may then be run',
      query: `${command('Invoke-WebRequest', 'iwr', 'Start-BitsTransfer')}
        (invokation_expression (member_name) @_m ${anyCase('_m', 'DownloadString', 'DownloadFile', 'DownloadData')}) @hit`,
    },
    {
      id: 'execution-policy',
      message: 'lets scripts run that would be refused',
      query: command('Set-ExecutionPolicy'),
    },
    {
      id: 'remove-tree',
      message: 'removes a directory with all that is in it',
      query: withOption(
        ['Remove-Item', 'ri', 'rm', 'del', 'rmdir', 'rd', 'erase'],
        '^-[rR]([eE][a-zA-Z]*)?$',
      ),
    },
    {
      id: 'load-code',
      message: 'compiles or loads code',
      query:
        command('Add-Type') +
        ofType('[aA][sS][sS][eE][mM][bB][lL][yY].$', 'Load', 'LoadFrom', 'LoadFile', 'UnsafeLoadFrom'),
    },
    {
      id: 'plain-password',
      message: 'makes a password out of plain text',
      query: withOption(['ConvertTo-SecureString'], '^-[aA][sS][pP]'),
    },
    {
      id: 'tls-unchecked',
      message: 'does not check who the server is',
      query: `${withOption(['Invoke-WebRequest', 'iwr', 'Invoke-RestMethod', 'irm'], '^-[sS][kK][iI][pP][cC]')}
        (assignment_expression (left_assignment_expression) @_l (#match? @_l "ServerCertificateValidationCallback$")) @hit`,
    },
  ],
};
