import { SandboxError } from '@sandbox/core';

/** What it takes to run a piece of code in one language. */
export interface Language {
  /** Lower case: `python`. What requests call it. */
  readonly id: string;
  /** Other names for it. */
  readonly aliases?: readonly string[] | undefined;
  /** Image that its sandboxes are made of. Default: the one that is configured. */
  readonly image?: string | undefined;
  /**
   * Directory with the `Dockerfile` that `sandbox images build` makes the image with, and what that copies. Its `BASE` argument is what it is built on; `certificates.pem` is there as well, which may be empty. Default:
   * the image comes from a registry.
   */
  readonly recipe?: URL | undefined;
  /** Whose code checks are for it: an id or alias that `@sandbox/code-checks` knows. Default: its own id. */
  readonly checks?: string | undefined;
  /** What a snippet is called; it lies in `/sandbox`, where it also runs. */
  readonly fileName: string;
  /** Environment of its commands, which a request's goes over. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Program and arguments that run a source file. `file` is relative to where it starts, or absolute; `args` are for the code itself. Never a shell string. A runtime without
   * images runs it with the host's programs.
   */
  command(file: string, args: readonly string[]): readonly string[];
  /** What has to be there for it, such as `go`. Default: the program of `command`. */
  readonly programs?: readonly string[] | undefined;
  /** Program and arguments that print its version. */
  readonly version?: readonly string[] | undefined;
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

/** `INVALID_ARGUMENT` for a name that no language has, with those that there are. */
export function languageNamed({ languages, find }: LanguageCatalog, name: string): Language {
  const language = find(name);
  if (language !== undefined) return language;
  const known = languages.map(({ id }) => id).join(', ');
  throw new SandboxError('INVALID_ARGUMENT', `there is no language ${JSON.stringify(name)}`, {
    operation: 'language',
    hint: `Languages: ${known}.`,
  });
}
