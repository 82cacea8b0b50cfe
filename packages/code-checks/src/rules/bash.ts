import { anyOf, type LanguageChecks } from './language-checks.ts';

const command = (predicate: string, more = '') =>
  `(command name: (command_name) @_n ${more} ${predicate}) @hit`;
const shell = (capture: string) => anyOf(capture, 'sh', 'bash', 'dash', 'zsh', 'ksh');
/** A value that is only known when it runs. */
const unknown =
  '[(simple_expansion) (expansion) (command_substitution) (string (simple_expansion)) (string (expansion)) (string (command_substitution))]';
const fetcher = `(command name: (command_name) @_n ${anyOf('_n', 'curl', 'wget')})`;

export const bash: LanguageChecks = {
  id: 'bash',
  title: 'Bash and sh',
  aliases: ['sh', 'shell'],
  grammar: 'bash',
  gaps: '`<>`, `4>&-`, `for x do`, and some quotes in substitutions',
  rules: [
    {
      id: 'eval',
      message: 'runs text as code',
      query:
        command('(#eq? @_n "eval")') +
        command(`${shell('_n')} (#eq? @_c "-c")`, `argument: (word) @_c argument: ${unknown}`),
    },
    {
      id: 'download-and-run',
      message: 'runs what was just fetched',
      query: `(pipeline ${fetcher} (command name: (command_name) @_s) ${shell('_s')}) @hit
        (pipeline ${fetcher} (command name: (command_name) @_sudo argument: (word) @_s) (#eq? @_sudo "sudo") ${shell('_s')}) @hit
        (command name: (command_name) @_s argument: (process_substitution ${fetcher}) ${anyOf('_s', 'source', '.', 'sh', 'bash')}) @hit
        (command name: (command_name) @_s argument: [(command_substitution ${fetcher}) (string (command_substitution ${fetcher}))] ${anyOf('_s', 'eval', 'sh', 'bash')}) @hit`,
    },
    {
      id: 'remove-tree',
      message: 'removes a directory with all that is in it',
      query: command(
        '(#eq? @_n "rm") (#match? @_a "^(-[a-zA-Z]*[rR][a-zA-Z]*|--recursive)$")',
        'argument: (word) @_a',
      ),
    },
    {
      id: 'dynamic-source',
      message: 'runs a file whose name is only known when it runs',
      query: command(anyOf('_n', 'source', '.'), `. argument: ${unknown}`),
    },
    {
      id: 'overwrite-disk',
      message: 'writes to a disk past its file system',
      query: `${command('(#eq? @_n "dd") (#match? @_a "^of=/dev/")', 'argument: [(word) (concatenation)] @_a')}
        ${command('(#match? @_n "^(mkfs([.][a-z0-9]+)?|wipefs|fdisk|sfdisk|parted)$")')}
        ${command('(#eq? @_n "shred")')}
        (file_redirect destination: (word) @_d (#match? @_d "^/dev/(sd|hd|vd|xvd|nvme|mmcblk)")) @hit`,
    },
    {
      id: 'open-to-all',
      message: 'lets everybody write',
      query: command(
        '(#eq? @_n "chmod") (#match? @_a "^([0-7]?[0-7][0-7][2367]|[ugo]*[ao][ugo]*[+=][rxXst]*w[rwxXst]*)$")',
        'argument: [(word) (number)] @_a',
      ),
    },
    {
      id: 'fork-bomb',
      message: 'starts itself twice, without end',
      query: `(function_definition name: (word) @_name body: (compound_statement (pipeline (command name: (command_name) @_one) (command name: (command_name) @_other))) (#eq? @_name @_one) (#eq? @_name @_other)) @hit`,
    },
    {
      id: 'raw-connection',
      message: 'opens a network connection as a file, as reverse shells do',
      query: `((word) @hit (#match? @hit "^/dev/(tcp|udp)/"))
        ${command('(#match? @_n "^(nc|ncat|netcat)$") (#match? @_a "^-[a-zA-Z]*[ec]$")', 'argument: (word) @_a')}`,
    },
    {
      id: 'change-system',
      message: 'writes to the configuration of the system',
      query: `(file_redirect destination: (word) @_d (#match? @_d "^/(etc|boot|proc|sys)/")) @hit`,
    },
    {
      id: 'more-rights',
      message: 'asks for the rights of another user',
      query: command(anyOf('_n', 'sudo', 'su', 'doas', 'pkexec')),
    },
  ],
};
