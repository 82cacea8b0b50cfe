import { expect, it } from 'vitest';
import { MAX_CODE_WARNINGS, selectFindings } from './check-code.ts';
import type { Finding } from './code-warning.ts';

const finding = (kind: Finding['kind'], line: number, column = 1): Finding => ({
  ...{ kind, rule: kind, message: kind, line, column },
});

it('warnings come by place, those about the whole first', () => {
  const whole: Finding = {
    kind: 'incomplete',
    rule: 'incomplete/time',
    message: '',
    line: null,
    column: null,
  };
  const sorted = selectFindings([
    finding('syntax', 2, 9),
    finding('secret', 10),
    finding('syntax', 2, 1),
    whole,
  ]);
  expect(sorted.map(({ line, column }) => [line, column])).toEqual([
    [null, null],
    [2, 1],
    [2, 9],
    [10, 1],
  ]);
});

it('of too many, the weighty ones stay, and it is said', () => {
  const many = Array.from({ length: MAX_CODE_WARNINGS }, (_, line) => finding('syntax', line + 1));
  expect(selectFindings(many)).toHaveLength(MAX_CODE_WARNINGS);
  const selected = selectFindings([...many, finding('dangerous-call', 500), finding('secret', 501)]);
  expect(selected).toHaveLength(MAX_CODE_WARNINGS + 1);
  expect(selected.slice(-3).map(({ rule }) => rule)).toEqual(['dangerous-call', 'secret', 'incomplete/more']);
});
