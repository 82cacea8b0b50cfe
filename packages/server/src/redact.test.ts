import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REDACTED, secretsOf, without, withoutKeys } from './redact.ts';

const key = `sbx_k3v9x2qa_${'A'.repeat(43)}`;

describe('what looks like a key', () => {
  it.each([
    [key, REDACTED],
    [`/sandbox/${key}/execute`, `/sandbox/${REDACTED}/execute`],
    ['authorization: Bearer abc.def-ghi', `authorization: Bearer ${REDACTED}`],
    ['basic dXNlcjpwYXNz', `basic ${REDACTED}`],
    ['sandbox-web-1f2e3d4c5b6a stays', 'sandbox-web-1f2e3d4c5b6a stays'],
  ])('%s', (text, expected) => expect(withoutKeys(text)).toBe(expected));

  it('is taken out of a line of JSON, which stays one', () => {
    const line = JSON.stringify({ msg: `no: Bearer ${key}`, path: '/x' });
    expect(JSON.parse(withoutKeys(line))).toEqual({ msg: `no: Bearer ${REDACTED}`, path: '/x' });
  });
});

describe('a caller’s own', () => {
  it('is code, words, variables, input and content, line by line', () => {
    const body = {
      runtime: 'python',
      code: 'import os\nprint(1)\n',
      command: 'curl',
      args: ['-u', 'ann:pass'],
      env: { TOKEN: 'hunter2', N: '1' },
      stdin: 'typed in',
      files: [{ path: 'a.txt', content: 'in a file' }],
      limits: { memoryBytes: '512m' },
    };
    expect(secretsOf(body).sort()).toEqual(
      ['ann:pass', 'curl', 'hunter2', 'import os', 'in a file', 'print(1)', 'typed in'].sort(),
    );
    expect(secretsOf(undefined)).toEqual([]);
  });

  it('is looked for in bounded time', () => {
    let deep: unknown = 'secret';
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    expect(secretsOf({ code: deep })).toEqual([]);
    expect(secretsOf({ args: Array.from({ length: 50_000 }, (_, index) => `secret-${index}`) })).toHaveLength(
      2_000,
    );
  });

  it('is taken out where all of it is there, its beginning, or its JSON', () => {
    const secrets = ['planted-secret-of-mine', 'say "hi"\tthere'];
    expect(without(secrets, 'no planted-secret-of-mine here')).toBe(`no ${REDACTED} here`);
    expect(without(secrets, 'cut: planted-secret…')).toBe(`cut: ${REDACTED}…`);
    expect(without(secrets, `in ${JSON.stringify('say "hi"\tthere')}`)).toBe(`in "${REDACTED}"`);
    expect(without(secrets, 'planted as such')).toBe('planted as such');
  });

  it('is gone whatever stands around it', () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9 "'\\$]{4,60}$/).filter((text) => text.trim() === text);
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (planted, before, after) => {
        fc.pre(!REDACTED.includes(planted));
        const secrets = secretsOf({ env: { A: planted } });
        expect(without(secrets, `${before}${planted}${after}`)).not.toContain(planted);
        expect(without(secrets, `${before}${JSON.stringify(planted)}${after}`)).not.toContain(planted);
      }),
    );
  });
});
