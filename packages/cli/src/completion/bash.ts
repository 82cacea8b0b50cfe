import { allCommands, type CommandModel, type ValueModel } from './command-model.ts';
import { identifier, namesCommand, quoted } from './shell-words.ts';

/** A script that bash sources. It wants no other program than `sed`, and bash 3.2, which macOS has. */
export function bashScript(program: string, model: CommandModel): string {
  const prefix = `_${identifier(program)}`;
  const commands = allCommands(model);
  return `# bash completion for ${program}, made by: ${program} completion bash

# What stands for a value: sets kind and choices. The arguments are a command's words and an option, or the number of an operand.
${prefix}_value() {
  kind= choices=
  case $1 in
${valueCases(commands)}
  esac
}

${prefix}_options() {
  case $1 in
${cases(commands.map(({ path, options }) => [[path.join(' ')], `echo ${quoted(options.flatMap(({ names }) => names).join(' '))}`]))}
  esac
}

${prefix}_commands() {
  case $1 in
${cases(commands.filter(hasCommands).map(({ path, commands: sub }) => [[path.join(' ')], `echo ${quoted(sub.map((command) => command.path.at(-1)).join(' '))}`]))}
  esac
}

${prefix}_names() {
  ${namesCommand(program)}
}

# $1: what gives one candidate a line, the rest its arguments.
${prefix}_offer() {
  local candidate
  while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <("$@" -- "$cur")
}

${prefix}_paths() {
  type compopt > /dev/null 2>&1 && compopt -o filenames
  ${prefix}_offer compgen "$1"
}

${prefix}_complete() {
  case $kind in
    choice) ${prefix}_offer compgen -W "$choices" ;;
    directory) ${prefix}_paths -d ;;
    file) ${prefix}_paths -f ;;
    sandbox) ${prefix}_offer compgen -W "$(${prefix}_names)" ;;
    command)
      [[ $operands == 0 ]] && ${prefix}_offer compgen -c
      ${prefix}_paths -f
      ;;
    sandbox-or-file)
      ${prefix}_offer compgen -W "$(${prefix}_names)" -S :
      if [[ \${#COMPREPLY[@]} == 0 ]]; then
        ${prefix}_paths -f
      else
        # Not as file names: those have their colons quoted.
        type compopt > /dev/null 2>&1 && compopt -o nospace
        ${prefix}_offer compgen -f
      fi
      ;;
  esac
}

${prefix}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= kind= choices= word pending= glued= rest= operands=0 i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # --option=value comes as three words, and so do NAME=value and NAME:path.
    if [[ $word == [=:] ]]; then [[ $pending ]] || glued=1; continue; fi
    if [[ $pending || $glued ]]; then pending= glued=; continue; fi
    if [[ ! $rest && $word == -- ]]; then
      rest=1
    elif [[ ! $rest && $word == -?* ]]; then
      ${prefix}_value "$path $word"
      [[ $kind ]] && pending=$word
    elif [[ ! $rest && " $(${prefix}_commands "$path") " == *" $word "* ]]; then
      path=\${path:+$path }$word
    else
      operands=$((operands + 1))
      ${prefix}_value "$path operand"
      # The options of a command that runs another end with the first word of that.
      [[ $kind == command ]] && rest=1
    fi
  done
  # The second half of a word: a path in a sandbox, the value of a variable. Nobody knows those here.
  [[ $glued ]] && return
  if [[ $pending ]]; then
    [[ $cur == = ]] && cur=
    ${prefix}_value "$path $pending"
    ${prefix}_complete
  elif [[ ! $rest && $cur == -* ]]; then
    ${prefix}_offer compgen -W "$(${prefix}_options "$path")"
  elif [[ $operands == 0 && ! $rest && $(${prefix}_commands "$path") ]]; then
    ${prefix}_offer compgen -W "$(${prefix}_commands "$path")"
  else
    ${prefix}_value "$path operand $operands"
    [[ $kind ]] || ${prefix}_value "$path operand"
    ${prefix}_complete
  fi
}

complete -F ${prefix} ${program}
`;
}

const hasCommands = ({ commands }: CommandModel): boolean => commands.length > 0;

type Case = readonly [patterns: readonly string[], body: string];

function cases(rows: readonly Case[]): string {
  return rows.map(([patterns, body]) => `    ${patterns.map(quoted).join(' | ')}) ${body} ;;`).join('\n');
}

/** Those with the same value share a line. An operand without a number stands for all that have none of their own. */
function valueCases(commands: readonly CommandModel[]): string {
  const patterns = new Map<string, string[]>();
  const add = (pattern: string, { kind, choices }: ValueModel) => {
    const body = `kind=${kind}${choices.length > 0 ? ` choices=${quoted(choices.join(' '))}` : ''}`;
    patterns.set(body, [...(patterns.get(body) ?? []), pattern]);
  };
  for (const { path, options, arguments: operands } of commands) {
    const words = path.join(' ');
    for (const { names, value } of options)
      if (value !== null) for (const name of names) add(`${words} ${name}`, value);
    for (const [index, operand] of operands.entries())
      add(operand.variadic ? `${words} operand` : `${words} operand ${index}`, operand);
  }
  return cases([...patterns].map(([body, list]) => [list, body]));
}
