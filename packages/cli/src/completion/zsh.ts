import { allCommands, type CommandModel, type OptionModel, type ValueModel } from './command-model.ts';
import { brief, identifier, namesCommand, quoted } from './shell-words.ts';

/** A script that zsh sources, or loads by itself where it lies in `fpath` as `_PROGRAM`. */
export function zshScript(program: string, model: CommandModel): string {
  const prefix = `_${identifier(program)}`;
  return `#compdef ${program}
# zsh completion for ${program}, made by: ${program} completion zsh
compdef ${prefix} ${program}

${prefix}_names() {
  local -a names
  names=(\${(f)"$(${namesCommand(program)})"})
  compadd "$@" -a names
}

${prefix}_names_or_files() {
  if compset -P '[A-Za-z0-9]#[A-Za-z0-9_.-]#:'; then
    _message 'path in the sandbox'
  else
    ${prefix}_names -q -S :
    _files
  fi
}

${allCommands(model)
  .map((command) => commandFunction(prefix, command))
  .join('\n')}
if [[ $funcstack[1] == ${prefix} ]]; then
  ${prefix} "$@"
fi
`;
}

const functionName = (prefix: string, path: readonly string[]): string =>
  [prefix, ...path.map(identifier)].join('__');

function commandFunction(prefix: string, command: CommandModel): string {
  const { path, options, commands } = command;
  const specs = options.map((option) => optionSpec(prefix, option));
  const name = functionName(prefix, path);
  if (commands.length === 0) {
    const all = [...specs, ...argumentSpecs(prefix, command)];
    return `${name}() {\n  _arguments -s -S ${all.join(' \\\n    ')}\n}\n`;
  }
  const described = commands.map((sub) => quoted(`${sub.path.at(-1)}:${brief(sub.description)}`));
  return `${name}() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -s -S -C ${[...specs, "'1: :->command'", "'*:: :->words'"].join(' \\\n    ')}
  case $state in
    command)
      local -a commands=(
        ${described.join('\n        ')}
      )
      _describe command commands
      ;;
    words)
      case $words[1] in
${commands.map((sub) => `        ${sub.path.at(-1)}) ${functionName(prefix, sub.path)} ;;`).join('\n')}
      esac
      ;;
  esac
}
`;
}

function optionSpec(prefix: string, { names, description, value }: OptionModel): string {
  const told = `[${escaped(brief(description)).replace(/[[\]]/g, '\\$&')}]`;
  const after = value === null ? '' : `:${escaped(value.name)}:${action(prefix, value)}`;
  // Of both names only one is offered, but an option may be given again.
  const [long = '', short] = names;
  const equals = value === null ? '' : '=';
  if (short === undefined) return quoted(`*${long}${equals}${told}${after}`);
  const plus = value === null ? '' : '+';
  return `${quoted(`*${long}${equals}${told}${after}`)} ${quoted(`*${short}${plus}${told}${after}`)}`;
}

function argumentSpecs(prefix: string, { arguments: operands }: CommandModel): string[] {
  return operands.flatMap((operand, index) => {
    if (operand.kind === 'command')
      return ["'(-)1: :{ _command_names -e; _files }'", "'*:: :{ shift words; (( CURRENT-- )); _files }'"];
    const position = operand.variadic ? '*' : String(index + 1);
    return [quoted(`${position}:${escaped(operand.name)}:${action(prefix, operand)}`)];
  });
}

function action(prefix: string, { kind, choices }: ValueModel): string {
  switch (kind) {
    case 'choice':
      return `(${choices.join(' ')})`;
    case 'directory':
      return '_directories';
    case 'file':
      return '_files';
    case 'sandbox':
      return `${prefix}_names`;
    case 'sandbox-or-file':
      return `${prefix}_names_or_files`;
    default:
      return ' ';
  }
}

const escaped = (text: string): string => text.replaceAll(':', '\\:');
