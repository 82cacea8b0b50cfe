export { type CodeToCheck, checkCode, MAX_CHECKED_BYTES, MAX_CODE_WARNINGS } from './check-code.ts';
export { type CodeWarning, formatCodeWarning } from './code-warning.ts';
export { languageChecks } from './rules/index.ts';
export type { CallRule, LanguageChecks } from './rules/language-checks.ts';
