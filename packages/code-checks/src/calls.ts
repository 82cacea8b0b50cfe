import type { Tree } from 'web-tree-sitter';
import type { Finding } from './code-warning.ts';
import type { Grammar } from './grammar.ts';
import type { LanguageChecks } from './rules/language-checks.ts';

/** Calls that rules are about, at most so many. */
export function findCalls(
  tree: Tree,
  { query }: Grammar,
  { id, rules }: LanguageChecks,
  limit: number,
  late: () => boolean,
): Finding[] {
  const messages = new Map(rules.map((rule) => [rule.id, rule.message]));
  const findings = new Map<string, Finding>();
  for (const { name, node } of query.captures(tree.rootNode, { progressCallback: late })) {
    const message = messages.get(name);
    if (message === undefined) continue;
    const { row, column } = node.startPosition;
    // Two patterns of one rule may hit the same.
    const key = `${name} ${row} ${column}`;
    findings.set(key, {
      ...{ kind: 'dangerous-call', rule: `${id}/${name}`, message },
      ...{ line: row + 1, column: column + 1 },
    });
    if (findings.size === limit) break;
  }
  return [...findings.values()];
}
