import { checkCode } from '@sandbox/code-checks';
import { createCatalog, type Language } from '@sandbox/languages';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type ReferenceServer, startReference } from './reference-server.ts';

const language = (id: string, checks?: string): Language => ({
  ...{ id, checks, fileName: `main.${id}` },
  command: (file, args) => ['sh', file, ...args],
});
const languages = createCatalog([language('sh'), language('other', 'bash'), language('klingon')]);
const options: Parameters<typeof startReference>[0] = {
  languages,
  // A machine that is busy with other tests is slow.
  checkCode: (code) => checkCode({ ...code, timeoutMs: 60_000 }),
};

let service: ReferenceServer;

beforeAll(async () => {
  service = await startReference(options);
});

afterAll(async () => {
  expect(service.errors).toEqual([]);
  await service[Symbol.asyncDispose]();
});

const create = async (body: object) =>
  (await call(service, 'POST', '/sandbox', { runtime: 'sh', keep: true, ...body })).body;
const execute = async (id: string, body: object = {}) =>
  (await call(service, 'POST', `/sandbox/${id}/execute`, body)).body;

const found = [{ kind: 'dangerous-call', rule: 'bash/eval', path: 'main.sh', line: 2, column: 1 }];
const text = 'main.sh:2:1: runs text as code [bash/eval]';

describe('code checks', () => {
  it('come with the sandbox, before anything runs, and with each result of its code', async () => {
    const made = await create({ code: 'x="echo ran"\neval $x' });
    expect(made).toMatchObject({ codeWarnings: found });
    expect(made.warnings).toContain(text);
    const { body } = await call(service, 'GET', `/sandbox/${made.id}`);
    expect(body).toMatchObject({ codeWarnings: found });
    const result = await execute(made.id);
    // Advice: it ran all the same.
    expect(result).toMatchObject({ exitCode: 0, stdout: 'ran\n', codeWarnings: found });
    expect(result.warnings).toContain(text);
  });

  it('are of the code that runs', async () => {
    const { id, codeWarnings } = await create({ code: ':\neval $x' });
    expect(codeWarnings).toHaveLength(1);
    expect((await execute(id, { code: 'echo fine' })).codeWarnings).toEqual([]);
    expect((await execute(id, { command: 'true' })).codeWarnings).toEqual([]);
    const broken = await execute(id, { code: 'if true; then' });
    expect(broken.codeWarnings).toMatchObject([{ kind: 'syntax', line: 1 }]);
    expect(broken.exitCode).toBe(2);
  });

  it('come with the result of live output', async () => {
    const { id } = await create({});
    const response = await fetch(`${service.url}/sandbox/${id}/execute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ code: ':\neval $x' }),
    });
    const data = /event: result\ndata: (.*)/.exec(await response.text())?.[1] ?? '';
    expect(JSON.parse(data)).toMatchObject({ codeWarnings: found });
  });

  it('are those that the language names, and say so where there are none', async () => {
    expect((await create({ runtime: 'other', code: ':\neval $x' })).codeWarnings).toMatchObject([
      { rule: 'bash/eval', path: 'main.other' },
    ]);
    expect((await create({ runtime: 'klingon', code: 'eval $x' })).codeWarnings).toMatchObject([
      { kind: 'incomplete', rule: 'incomplete/language', line: null },
    ]);
  });

  it('never tell a secret', async () => {
    const token = `ghp_${'aB3dE5'.repeat(6)}`;
    const { codeWarnings, warnings } = await create({ code: `t=${token}` });
    expect(codeWarnings).toMatchObject([{ kind: 'secret', line: 1, column: 3 }]);
    expect(JSON.stringify({ codeWarnings, warnings })).not.toContain('aB3dE5');
  });

  it('that fail fail nothing else; and they can be left out', async () => {
    const checks = [() => Promise.reject(new Error('no')), null];
    const texts: string[][] = [];
    for (const check of checks) {
      await using other = await startReference({ ...options, checkCode: check });
      const { body } = await call(other, 'POST', '/sandbox', { runtime: 'sh', code: 'eval true' });
      const result = (await call(other, 'POST', `/sandbox/${body.id}/execute`, {})).body;
      expect(result.exitCode).toBe(0);
      texts.push(result.codeWarnings.map(({ message }: { message: string }) => message));
    }
    expect(texts).toEqual([['the code was not checked: no'], []]);
  });
});
