import { lintSource } from '@secretlint/core';
import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import type { Finding } from './code-warning.ts';

/** Comments in the code that switch it off. Whoever wrote the code is not who is to be warned of it. */
const COMMENTS = '@secretlint/secretlint-rule-filter-comments';
const config = {
  rules: rules.filter(({ meta: { id } }) => id !== COMMENTS).map((rule) => ({ id: rule.meta.id, rule })),
};

/** What looks like a secret. What it is stays out of the finding: only its kind and place are told. */
export async function findSecrets(code: string, limit: number): Promise<Finding[]> {
  const { messages } = await lintSource({
    source: { filePath: 'code', content: code, contentType: 'text', ext: '' },
    // Masking takes time with the square of their number, and their texts are dropped anyway.
    options: { config, maskSecrets: false, noPhysicFilePath: true },
  });
  const placeOf = placesIn(code);
  const inOrder = messages.toSorted((one, other) => one.range[0] - other.range[0]);
  return inOrder.slice(0, limit).map(({ ruleId, messageId, range: [start] }) => ({
    kind: 'secret',
    rule: `secret/${ruleId.replace(/^.*secretlint-rule-/, '')}`,
    message: `looks like a secret: ${messageId}`,
    ...placeOf(start),
  }));
}

/** Lines as parser and editors count them: the library ends them at other characters, too. To be asked in the order of the text. */
function placesIn(code: string): (index: number) => { readonly line: number; readonly column: number } {
  let line = 1;
  let begin = 0;
  return (index) => {
    for (;;) {
      const end = code.indexOf('\n', begin);
      if (end === -1 || end >= index) return { line, column: index - begin + 1 };
      line += 1;
      begin = end + 1;
    }
  };
}
