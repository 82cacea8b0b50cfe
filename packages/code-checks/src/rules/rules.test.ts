import { describe, expect, it } from 'vitest';
import { inspect } from '../inspect.ts';
import { type Examples, examples } from './examples.test-data.ts';
import { checksFor, languageChecks } from './index.ts';

/** Rules that hit, without their language; a syntax error would be one too. */
async function rulesOf(language: string, code: string): Promise<string[]> {
  const found: string[] = [];
  for await (const findings of inspect(code, checksFor(language), () => false))
    found.push(...findings.map(({ rule }) => rule.replace(`${language}/`, '')));
  return [...new Set(found)];
}

const itself = (code: string) => code;

describe.each(languageChecks.map(({ id }) => id))('%s', (id) => {
  const { hits, misses, comment, string, program = itself } = examples[id] as Examples;
  const all = Object.entries(hits).flatMap(([rule, codes]) => codes.map((code) => [rule, code] as const));

  it('has six rules or more, an example for each, and none for another', () => {
    const rules = checksFor(id)?.rules.map((rule) => rule.id) ?? [];
    expect(rules.length).toBeGreaterThanOrEqual(6);
    expect(Object.keys(hits).toSorted()).toEqual(rules.toSorted());
  });

  it.each(all)('%s hits: %s', async (rule, code) => {
    expect(await rulesOf(id, program(code))).toContain(rule);
    expect(await rulesOf(id, program(code))).not.toContain('syntax');
  });

  it.each(all)('%s does not hit in a comment or a string: %s', async (_, code) => {
    expect(await rulesOf(id, program(comment(code)))).toEqual([]);
    expect(await rulesOf(id, program(string(code)))).toEqual([]);
  });

  it.each(misses)('nothing hits: %s', async (code) => {
    expect(await rulesOf(id, program(code))).toEqual([]);
  });
});
