import { allCommands, type CommandModel, type ValueModel } from './command-model.ts';
import { brief, fishQuoted, identifier, namesCommand } from './shell-words.ts';

/** A script that fish sources, or loads by itself from `completions/PROGRAM.fish`. */
export function fishScript(program: string, model: CommandModel): string {
  const prefix = `__${identifier(program)}`;
  const commands = allCommands(model);
  return `# fish completion for ${program}, made by: ${program} completion fish

function ${prefix}_names
    ${namesCommand(program)}
end

# What follows a colon is a path in a sandbox, which nobody knows here.
function ${prefix}_names_or_files
    string match -q '*:*' -- (commandline -ct); and return
    ${prefix}_names | string replace -r '$' :
    __fish_complete_path (commandline -ct)
end

# Sets path to the command's words, operands to how many follow it, and rest where options have ended.
function ${prefix}_look --no-scope-shadowing
    set path
    set operands 0
    set rest
    set -l pending
    for word in (commandline -opc)[2..-1]
        if test -n "$pending"
            set pending
        else if test -z "$rest"; and string match -q -- -- $word
            set rest 1
        else if test -z "$rest"; and string match -q -- '-?*' $word
            contains -- "$path $word" $${prefix}_valued; and set pending $word
        else if test -z "$rest"; and contains -- (string join ' ' -- $path $word) $${prefix}_paths
            set path (string join ' ' -- $path $word)
        else
            set operands (math $operands + 1)
            # The options of a command that runs another end with the first word of that.
            contains -- "$path" $${prefix}_runners; and set rest 1
        end
    end
end

# Whether a command's options may come.
function ${prefix}_at
    set -l path
    set -l operands
    set -l rest
    ${prefix}_look
    test "$path" = "$argv[1]"; and test -z "$rest"
end

# Whether an operand of a command may come: any, or the one of this number.
function ${prefix}_operand
    set -l path
    set -l operands
    set -l rest
    ${prefix}_look
    test "$path" = "$argv[1]"; or return
    test -z "$argv[2]"; or test "$operands" = "$argv[2]"
end

set -g ${prefix}_paths ${words(commands.filter(({ path }) => path.length > 0).map(({ path }) => path.join(' ')))}
set -g ${prefix}_runners ${words(commands.filter(runsAnother).map(({ path }) => path.join(' ')))}
set -g ${prefix}_valued ${words(commands.flatMap(valuedOptions))}

complete -c ${program} -e
complete -c ${program} -f
${commands.flatMap((command) => commandLines(program, prefix, command)).join('\n')}
`;
}

const words = (list: readonly string[]): string => list.map(fishQuoted).join(' ');
const runsAnother = ({ arguments: operands }: CommandModel): boolean =>
  operands.some(({ kind }) => kind === 'command');
const valuedOptions = ({ path, options }: CommandModel): string[] =>
  options.flatMap(({ names, value }) =>
    value === null ? [] : names.map((name) => `${path.join(' ')} ${name}`),
  );

function commandLines(program: string, prefix: string, command: CommandModel): string[] {
  const path = command.path.join(' ');
  const at = fishQuoted(`${prefix}_at ${fishQuoted(path)}`);
  const line = (condition: string, rest: string) => `complete -c ${program} -n ${condition} ${rest}`;
  const first = fishQuoted(`${prefix}_operand ${fishQuoted(path)} 0`);
  return [
    ...command.commands.map((sub) =>
      line(first, `-a ${fishQuoted(sub.path.at(-1) ?? '')} -d ${fishQuoted(brief(sub.description))}`),
    ),
    ...command.options.map(({ names, description, value }) => {
      const flags = names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      );
      const takes = value === null ? '' : ` ${candidates(prefix, value)} -r`;
      return line(at, `${flags.join(' ')}${takes} -d ${fishQuoted(brief(description))}`);
    }),
    ...command.arguments.map((operand, index) => {
      const which = operand.variadic ? '' : ` ${index}`;
      const condition = fishQuoted(`${prefix}_operand ${fishQuoted(path)}${which}`);
      return line(condition, candidates(prefix, operand));
    }),
    ...(runsAnother(command) ? [line(first, "-a '(__fish_complete_command)'")] : []),
  ];
}

/** What is offered, and whether files are. */
function candidates(prefix: string, { kind, choices }: ValueModel): string {
  switch (kind) {
    case 'choice':
      return `-f -a ${fishQuoted(choices.join(' '))}`;
    case 'directory':
      return "-f -a '(__fish_complete_directories (commandline -ct))'";
    case 'file':
    case 'command':
      return '-F';
    case 'sandbox':
      return `-f -a '(${prefix}_names)'`;
    case 'sandbox-or-file':
      return `-f -a '(${prefix}_names_or_files)'`;
    case 'anything':
      return '-f';
  }
}
