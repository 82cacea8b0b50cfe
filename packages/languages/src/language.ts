/** What it takes to run a piece of code in one language. */
export interface Language {
  /** Lower case: `python`. What requests call it. */
  readonly id: string;
  /** Other names for it. */
  readonly aliases?: readonly string[] | undefined;
  /** Image that its sandboxes are made of. Default: the one that is configured. */
  readonly image?: string | undefined;
  /** Whose code checks are for it: an id or alias that `@sandbox/code-checks` knows. Default: its own id. */
  readonly checks?: string | undefined;
  /** What a snippet is called; it lies in `/sandbox`, where it also runs. */
  readonly fileName: string;
  /** Program and arguments that run a source file. `file` is relative to `/sandbox`; `args` are for the code itself. Never a shell string. */
  command(file: string, args: readonly string[]): readonly string[];
}

/** The languages that a program knows. */
export interface LanguageCatalog {
  readonly languages: readonly Language[];
  /** By id or alias. */
  find(name: string): Language | undefined;
}

/** Throws for a name that two of them have. */
export function createCatalog(languages: readonly Language[]): LanguageCatalog {
  const byName = new Map<string, Language>();
  for (const language of languages) {
    for (const name of [language.id, ...(language.aliases ?? [])]) {
      if (byName.has(name)) throw new TypeError(`two languages are called ${name}`);
      byName.set(name, language);
    }
  }
  return { languages, find: (name) => byName.get(name) };
}
