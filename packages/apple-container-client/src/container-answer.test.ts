import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ContainerAnswer, infoOf } from './container-answer.ts';

const answers = JSON.parse(
  readFileSync(new URL('../test/fixtures/containers.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, readonly ContainerAnswer[]>>;

describe('infoOf', () => {
  it.each(Object.keys(answers))('reads what %s prints', (release) => {
    const infos = answers[release]?.map(infoOf) ?? [];
    expect(infos.map(({ name, state, labels }) => [name, state, labels])).toEqual([
      ['box1', 'running', { app: 'x' }],
      ['box2', 'created', {}],
      ['box3', 'stopped', {}],
    ]);
  });
});
