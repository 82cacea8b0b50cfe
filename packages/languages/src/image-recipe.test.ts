import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LABEL } from '@sandbox/core';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import {
  type BuiltLanguage,
  builtInLanguages,
  imageBuild,
  isBuilt,
  isCurrent,
  officialBase,
} from './index.ts';

const built = builtInLanguages.languages.filter(isBuilt);
const text = (archive: unknown) => Buffer.from(archive as Uint8Array).toString('latin1');

test('eight languages are built, and TypeScript with Node', () => {
  expect(new Set(built.map(({ image }) => image)).size).toBe(8);
  expect(built.map(({ id }) => id)).toContain('typescript');
});

test.each(built.map((language) => [language.id, language] as const))(
  'the recipe of %s names its base',
  async (_id, language) => {
    const build = await imageBuild(language);
    expect(build.tag).toBe(language.image);
    expect(build.buildArgs).toEqual({});
    expect(build.labels?.[LABEL.base]).toBe(await officialBase(language));
    expect(text(build.context)).toContain('FROM ${BASE}');
  },
);

describe('a recipe', () => {
  let directory: string;
  let language: BuiltLanguage;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sandbox-recipe-'));
    language = {
      id: 'it',
      image: 'sandbox-it:latest',
      recipe: pathToFileURL(`${directory}/`),
      fileName: 'main.it',
      command: () => ['it'],
    };
    writeFileSync(join(directory, 'Dockerfile'), 'ARG BASE=it:1\nFROM ${BASE}\n');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('takes another base, arguments and labels, and says which it is', async () => {
    const build = await imageBuild(language, {
      base: 'debian:trixie-slim',
      buildArgs: { https_proxy: 'http://proxy:3128' },
      labels: { 'dev.sandbox.scope': 'x' },
    });
    expect(build.buildArgs).toEqual({ https_proxy: 'http://proxy:3128', BASE: 'debian:trixie-slim' });
    expect(build.labels).toMatchObject({
      'dev.sandbox.scope': 'x',
      'dev.sandbox.managed': 'true',
      'dev.sandbox.language': 'it',
      'dev.sandbox.base': 'debian:trixie-slim',
    });
  });

  it('is another one when a file of it changes, and not for its base or certificates', async () => {
    const labels = {
      ...(await imageBuild(language, { base: 'other:2', certificates: Buffer.from('PEM') })).labels,
    };
    expect(await isCurrent(language, { labels })).toBe(true);
    writeFileSync(join(directory, 'more'), 'x');
    expect(await isCurrent(language, { labels })).toBe(false);
    expect(await isCurrent(language, { labels: {} })).toBe(false);
  });

  it('has certificates beside it, if only empty ones', async () => {
    expect(text((await imageBuild(language)).context)).toContain('certificates.pem');
    const { context } = await imageBuild(language, { certificates: Buffer.from('a certificate') });
    expect(text(context)).toContain('a certificate');
  });

  it.each(['', 'a b', 'a\nRUN id', '$BASE', '-a', '/root'])('is built on no %j', async (base) => {
    await expect(imageBuild(language, { base })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('without a base is a mistake of whoever wrote it', async () => {
    writeFileSync(join(directory, 'Dockerfile'), 'FROM it:1\n');
    await expect(imageBuild(language)).rejects.toThrow('ARG BASE');
  });
});
