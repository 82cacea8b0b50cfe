import { readFileSync } from 'node:fs';
import { Language, Parser, Query, type Tree } from 'web-tree-sitter';
import type { LanguageChecks } from './rules/language-checks.ts';

declare global {
  // Node has it, its types have not.
  namespace WebAssembly {
    class Module {
      constructor(bytes: Uint8Array);
    }
  }
}

/** A language that can be parsed, and its rules as one query, whose captures have the names of the rules. */
export interface Grammar {
  readonly language: Language;
  readonly query: Query;
}

const library = import.meta.resolve('@vscode/tree-sitter-wasm');
const loaded = new Map<string, Grammar>();

/** Loads it once. Throws when it is not there, or cannot be used. */
export async function loadGrammar({ grammar, rules }: LanguageChecks): Promise<Grammar> {
  const known = loaded.get(grammar);
  if (known !== undefined) return known;
  await Parser.init();
  const file = new URL(`tree-sitter-${grammar}.wasm`, library);
  // Not `Language.load`: on Node 22 it waits for seconds while another grammar is being optimized.
  const language = Language.loadSync(new WebAssembly.Module(readFileSync(file)));
  const query = new Query(
    language,
    rules.map((rule) => rule.query.replaceAll('@hit', `@${rule.id}`)).join('\n'),
  );
  loaded.set(grammar, { language, query });
  return { language, query };
}

/** Null: not done in time. The caller deletes the tree. */
export function parse({ language }: Grammar, code: string, late: () => boolean): Tree | null {
  const parser = new Parser();
  try {
    parser.setLanguage(language);
    return parser.parse(code, null, { progressCallback: late });
  } finally {
    parser.delete();
  }
}
