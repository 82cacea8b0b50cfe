/** One kind of call that deserves a look before the code runs. */
export interface CallRule {
  /** Stable; after the language it is the rule of a warning: `python/eval`. */
  readonly id: string;
  /** What the call does, without anything of the code that was checked. */
  readonly message: string;
  /** Tree-sitter patterns; `@hit` is what is reported, captures with `_` serve predicates. */
  readonly query: string;
}

/** What is checked in code of one language. */
export interface LanguageChecks {
  /** Lower case. Also the first half of its rules' names. */
  readonly id: string;
  readonly title: string;
  /** What else callers may call it. */
  readonly aliases: readonly string[];
  /** As `@vscode/tree-sitter-wasm` calls it. */
  readonly grammar: string;
  /** Appended for the parser, where its grammar refuses valid ends. */
  readonly suffix?: string | undefined;
  /** What is valid and unknown to the grammar; warnings about syntax say so. */
  readonly gaps?: string | undefined;
  readonly rules: readonly CallRule[];
}

/** Predicate: the text of a capture is one of these. */
export function anyOf(capture: string, ...words: readonly string[]): string {
  return `(#any-of? @${capture} ${words.map((word) => `"${word}"`).join(' ')})`;
}

/** The same for languages that do not tell small letters from capital ones. */
export function anyCase(capture: string, ...words: readonly string[]): string {
  const patterns = words.map((word) =>
    word.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`),
  );
  return `(#match? @${capture} "^(${patterns.join('|')})$")`;
}
