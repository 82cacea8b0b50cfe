import type { Argument, Command, Option } from 'commander';

/** What may stand somewhere on the command line, as far as a shell can help with it. */
export type ValueKind =
  | 'choice'
  | 'directory'
  | 'file'
  | 'sandbox'
  | 'sandbox-or-file'
  | 'command'
  | 'anything';

export interface ValueModel {
  /** For people: `size`. */
  readonly name: string;
  readonly kind: ValueKind;
  /** Of a choice. */
  readonly choices: readonly string[];
}

export interface OptionModel {
  /** With their dashes, the long one first. */
  readonly names: readonly string[];
  readonly description: string;
  /** Null for a flag. */
  readonly value: ValueModel | null;
}

export interface ArgumentModel extends ValueModel {
  readonly variadic: boolean;
}

export interface CommandModel {
  /** Its words, without the program's name; empty for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly options: readonly OptionModel[];
  readonly arguments: readonly ArgumentModel[];
  readonly commands: readonly CommandModel[];
}

/** What a program declares, for whoever completes its command lines. `runtimes` are the values of `--runtime`. */
export function commandModel(
  program: Command,
  runtimes: readonly string[],
  path: readonly string[] = [],
): CommandModel {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const names = commands.map((command) => command.name());
  return {
    path,
    description: program.description(),
    options: help.visibleOptions(program).map((option) => optionModel(option, runtimes)),
    arguments: program.registeredArguments.map((argument) => argumentModel(argument, names)),
    commands: commands.map((command) =>
      command.name() === 'help'
        ? { ...commandModel(command, runtimes, [...path, 'help']), arguments: [whichCommand(names)] }
        : commandModel(command, runtimes, [...path, command.name()]),
    ),
  };
}

/** All commands, the program itself first. */
export function allCommands(model: CommandModel): CommandModel[] {
  return [model, ...model.commands.flatMap(allCommands)];
}

function optionModel(option: Option, runtimes: readonly string[]): OptionModel {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
  if (placeholder === undefined) return { names, description: option.description, value: null };
  const choices = option.long === '--runtime' ? [...runtimes, 'auto'] : (option.argChoices ?? []);
  const value = { name: placeholder, kind: kindOf(placeholder, choices), choices };
  return { names, description: option.description, value };
}

function argumentModel(argument: Argument, commands: readonly string[]): ArgumentModel {
  const choices = argument.argChoices ?? (argument.name() === 'command' ? commands : []);
  const name = argument.name();
  return { name, kind: kindOf(name, choices), choices, variadic: argument.variadic };
}

function whichCommand(choices: readonly string[]): ArgumentModel {
  return { name: 'command', kind: 'choice', choices, variadic: false };
}

/** The placeholders that commands use in their options and arguments say what is meant: `<dir>`, `NAME`. */
const KINDS: Readonly<Record<string, ValueKind>> = {
  dir: 'directory',
  file: 'file',
  FILE: 'file',
  sandbox: 'sandbox',
  NAME: 'sandbox',
  SRC: 'sandbox-or-file',
  DST: 'sandbox-or-file',
  COMMAND: 'command',
};

function kindOf(placeholder: string, choices: readonly string[]): ValueKind {
  return choices.length > 0 ? 'choice' : (KINDS[placeholder.replace(/\.+$/, '')] ?? 'anything');
}
