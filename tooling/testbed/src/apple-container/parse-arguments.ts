import { CliFailure } from './failure.ts';
import { commands, groups } from './grammar.ts';
import type { CommandSpec, OptionSpec, PositionalSpec } from './grammar-parts.ts';
import { isAtLeast } from './release.ts';

export type Values = Readonly<Record<string, unknown>>;

/** A command line that the grammar accepts. */
export interface Parsed {
  readonly command: string;
  /** By the real command's own names: `processFlags.env`, `containerId`. */
  readonly values: Values;
}

/** Help or the version was asked for: text for stdout, and nothing is done. */
export interface Shown {
  readonly shown: 'help' | 'version';
  readonly command: string;
}

export interface ParseOptions {
  /** Hides what later releases brought. @default '1.2.2' */
  readonly version?: string;
  /** @default 26 */
  readonly macos?: number;
}

/** Reads a command line as the real command's parser does. Throws a `CliFailure` for one that it refuses. Pure. */
export function parseArguments(argv: readonly string[], options: ParseOptions = {}): Parsed | Shown {
  const { version = '1.2.2', macos = 26 } = options;
  const words = [...argv];
  const debug = takeDebug(words);
  const [first] = words;
  if (first === undefined || first === '-h' || first === '--help') return { shown: 'help', command: '' };
  if (first === '--version') return { shown: 'version', command: '' };
  if (first === '') throw refused('', "unknown argument ''");
  if (first.startsWith('-')) throw refused('', `Unknown option '${nameOf(first)}'`);
  const command = findCommand(words, version, macos);
  if ('shown' in command) return command;
  const rest = words.slice(command.path.length);
  const passesThrough = command.positionals.some(({ passthrough }) => passthrough);
  // Of all others the root command sees the flag right after the command's words.
  const late = !passesThrough && command.path[0] !== 'system' && takeDebug(rest);
  const reading = new Reading(command, version);
  const parsed = reading.read(rest);
  if ('shown' in parsed || !(debug || late)) return parsed;
  return { ...parsed, values: { ...parsed.values, 'logOptions.debug': true } };
}

function takeDebug(words: string[]): boolean {
  if (words[0] !== '--debug') return false;
  words.shift();
  return true;
}

function findCommand(words: readonly string[], version: string, macos: number): CommandSpec | Shown {
  const [first = '', second] = words;
  const known = commands.filter(({ since }) => isAtLeast(version, since));
  const group = Object.entries(groups).find(([name, aliases]) => name === first || aliases.includes(first));
  if (group === undefined || (group[0] === 'network' && macos < 26)) {
    const command = known.find(({ path, aliases }) => path.length === 1 && is(path[0], aliases, first));
    if (command) return { ...command, path: [first] };
    throw notAPlugin(first);
  }
  if (second === undefined || second === '-h' || second === '--help')
    return { shown: 'help', command: group[0] };
  const command = known.find(
    ({ path, aliases }) => path[0] === group[0] && path.length === 2 && is(path[1], aliases, second),
  );
  if (command) return command;
  if (second.startsWith('-')) throw refused(group[0], `Unknown option '${nameOf(second)}'`);
  throw refused(group[0], unexpected(words.slice(1)));
}

function is(name: string | undefined, aliases: readonly string[], word: string): boolean {
  return name === word || aliases.includes(word);
}

function notAPlugin(word: string): CliFailure {
  return new CliFailure(64, [
    `Error: Plugin 'container-${word}' not found.`,
    '',
    '- If system services are not running, start them with: container system start',
    "- If the plugin isn't installed, ensure it exists under:",
    '',
  ]);
}

/** One walk over the words of a command. */
class Reading {
  readonly #name: string;
  readonly #spec: CommandSpec;
  readonly #options: readonly OptionSpec[];
  readonly #values: Record<string, unknown> = {};
  readonly #plain: string[] = [];
  #unknown: string | undefined;
  #words: string[] = [];

  constructor(spec: CommandSpec, version: string) {
    this.#spec = spec;
    this.#options = spec.options.filter(({ since }) => isAtLeast(version, since));
    const canonical = commands.find(({ options, positionals }) => {
      return options === spec.options && positionals === spec.positionals;
    });
    this.#name = (canonical ?? spec).path.join(' ');
  }

  read(words: readonly string[]): Parsed | Shown {
    this.#words = [...words];
    const passthrough = this.#spec.positionals.some((one) => one.passthrough);
    for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
      if (word === '--') {
        this.#plain.push(...this.#words.splice(0));
      } else if (word === '-' || !word.startsWith('-')) {
        this.#plain.push(word);
        if (passthrough) this.#plain.push(...this.#words.splice(0));
      } else if (word === '-h' || word === '--help') {
        return { shown: 'help', command: this.#name };
      } else if (word === '--version') {
        return { shown: 'version', command: this.#name };
      } else {
        this.#takeOption(word);
      }
    }
    if (this.#unknown !== undefined) throw this.#refusal(this.#describeUnknown(this.#unknown));
    this.#placePositionals();
    const refusal = this.#spec.refuses?.(this.#values);
    if (refusal !== undefined) throw this.#refusal(refusal);
    return { command: this.#name, values: this.#values };
  }

  #takeOption(word: string): void {
    if (word.startsWith('---')) throw this.#refusal(`Invalid option: ${word}`);
    const name = nameOf(word);
    const given = word.length > name.length ? word.slice(name.length + 1) : undefined;
    const option = this.#find(name);
    if (option) this.#take(option, name, given);
    else if (!name.startsWith('--') && name.length > 2) this.#takeCluster(word, name, given);
    else this.#unknown ??= name;
  }

  /** `-itv src:dst`: flags, and at the end perhaps one with a value. */
  #takeCluster(word: string, name: string, given: string | undefined): void {
    const letters = [...name.slice(1)];
    const options = letters.map((letter) => this.#find(`-${letter}`));
    const early = options.slice(0, -1).some((option) => option?.kind !== 'flag');
    if (early || options.at(-1) === undefined || word.includes('=')) {
      this.#unknown ??= name;
      return;
    }
    letters.forEach((letter, index) => {
      const option = options[index];
      if (option) this.#take(option, `-${letter}`, index === letters.length - 1 ? given : undefined);
    });
  }

  #take(option: OptionSpec, name: string, given: string | undefined): void {
    if (option.kind === 'flag') {
      if (given !== undefined)
        throw this.#refusal(`The option '${name}' does not take any value, but '${given}' was specified.`);
      this.#values[option.property] = true;
      return;
    }
    const next = this.#words[0];
    const separate = next !== undefined && (next === '-' || !next.startsWith('-')) ? next : undefined;
    if (given === undefined && separate === undefined)
      throw this.#refusal(`Missing value for '${name} <${option.valueName}>'`);
    if (given === undefined) this.#words.shift();
    const converted = this.#convert(option, name, given ?? separate ?? '');
    if (option.kind === 'value') this.#values[option.property] = converted;
    else
      this.#values[option.property] = [
        ...((this.#values[option.property] as unknown[] | undefined) ?? []),
        converted,
      ];
  }

  #convert({ type, valueName, listsWords }: OptionSpec, name: string, text: string): unknown {
    if (type === 'string') return text;
    if (type === 'comma-list') return text.split(',').filter((part) => part !== '');
    if (typeof type !== 'string') {
      if (type.includes(text)) return text;
      const words = type.map((word) => `'${word}'`);
      const provide = ` Please provide one of ${words.slice(0, -1).join(', ')} or ${words.at(-1)}.`;
      throw this.#refusal(
        `The value '${text}' is invalid for '${name} <${valueName}>'${listsWords ? `.${provide}` : ''}`,
      );
    }
    const range = {
      int32: [-(2n ** 31n), 2n ** 31n],
      int64: [-(2n ** 63n), 2n ** 63n],
      uint32: [0n, 2n ** 32n],
    } as const;
    const [from, to] = range[type];
    const number = /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
    if (number !== undefined && number >= from && number < to) return Number(number);
    throw this.#refusal(`The value '${text}' is invalid for '${name} <${valueName}>'`);
  }

  #placePositionals(): void {
    const words = [...this.#plain];
    for (const positional of this.#spec.positionals) {
      const taken = positional.repeat ? words.splice(0) : words.splice(0, 1);
      if (taken.length === 0 && !positional.optional)
        throw this.#refusal(`Missing expected argument '${positional.name}'`);
      this.#place(positional, taken);
    }
    if (words.length > 0) throw this.#refusal(unexpected(words));
  }

  #place({ property, repeat }: PositionalSpec, taken: readonly string[]): void {
    if (repeat) this.#values[property] = taken;
    else if (taken.length > 0) this.#values[property] = taken[0];
  }

  #find(name: string): OptionSpec | undefined {
    return this.#options.find(({ names }) => names.includes(name));
  }

  #describeUnknown(name: string): string {
    const known = [...this.#options.flatMap(({ names }) => names), '--debug'].filter(
      (one) => one.length > 2 && name.length > 2,
    );
    const [nearest] = known
      .map((one) => ({ one, distance: editDistance(name, one) }))
      .filter(({ distance }) => distance < 4)
      .sort((left, right) => left.distance - right.distance);
    return `Unknown option '${name}'${nearest ? `. Did you mean '${nearest.one}'?` : ''}`;
  }

  #refusal(message: string): CliFailure {
    return refused(this.#name, message, this.#spec);
  }
}

function refused(command: string, message: string, spec?: CommandSpec): CliFailure {
  const name = ['container', command].filter(Boolean).join(' ');
  const places = spec?.positionals.map((one) => (one.optional ? `[${one.name}]` : one.name)) ?? [
    '<subcommand>',
  ];
  return new CliFailure(64, [
    `Error: ${message}`,
    `Usage: ${[name, '[<options>]', ...places].join(' ')}`,
    `  See '${name} --help' for more information.`,
  ]);
}

function unexpected(words: readonly string[]): string {
  const [only] = words;
  if (words.length === 1) return `Unexpected argument '${only}'`;
  return `${words.length} unexpected arguments: ${words.map((word) => `'${word}'`).join(', ')}`;
}

/** Without what follows the first equal sign. */
function nameOf(word: string): string {
  const end = word.indexOf('=');
  return end < 0 ? word : word.slice(0, end);
}

/** How many letters have to be put in, left out or changed. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_unused, index) => index);
  [...from].forEach((letter, index) => {
    const next = [index + 1];
    [...to].forEach((other, column) => {
      const change = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    });
    row = next;
  });
  return row[to.length] ?? 0;
}
