import { javascriptRules } from './javascript.ts';
import type { CallRule, LanguageChecks } from './language-checks.ts';

/** `import cp = require('…')`, which JavaScript does not have. */
function withRequireClause(rule: CallRule): CallRule {
  if (rule.id !== 'child-process') return rule;
  const clause = `(import_statement (import_require_clause source: (string) @_m) (#match? @_m "^.(node:)?child_process.$")) @hit`;
  return { ...rule, query: rule.query + clause };
}

export const typescript: LanguageChecks = {
  id: 'typescript',
  title: 'TypeScript',
  aliases: ['ts'],
  grammar: 'typescript',
  rules: javascriptRules.map(withRequireClause),
};
