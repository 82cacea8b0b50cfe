import { lintSource } from '@secretlint/core';
import { creator } from '@secretlint/secretlint-rule-preset-recommend';
import type { Finding } from './code-warning.ts';

const config = { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }] };

/** What looks like a secret. What it is stays out of the finding: only its kind and place are told. */
export async function findSecrets(code: string, limit: number): Promise<Finding[]> {
  const { messages } = await lintSource({
    source: { filePath: 'code', content: code, contentType: 'text', ext: '' },
    // Masking takes time with the square of their number, and their texts are dropped anyway.
    options: { config, maskSecrets: false, noPhysicFilePath: true },
  });
  return messages.slice(0, limit).map(({ ruleId, messageId, loc }) => ({
    kind: 'secret',
    rule: `secret/${ruleId.replace(/^.*secretlint-rule-/, '')}`,
    message: `looks like a secret: ${messageId}`,
    line: loc.start.line,
    column: loc.start.column + 1,
  }));
}
