import { SandboxError } from '@sandbox/core';
import { describe, expect, it } from 'vitest';
import { builtInLanguages, languageFailure, languageNamed, languageOptions } from './index.ts';

const named = (name: string) => languageNamed(builtInLanguages, name);
const missing = new SandboxError('NOT_FOUND', 'not on this host', {
  operation: 'images.inspect',
  runtime: 'docker',
});

describe('what a sandbox for a language is made of', () => {
  it('is its image, which no registry is asked for, or the programs of the host', () => {
    expect(languageOptions(named('python'))).toEqual({
      image: 'sandbox-python:latest',
      pull: 'never',
      programs: ['python3'],
    });
    expect(languageOptions(named('golang')).programs).toEqual(['go']);
    expect(languageOptions(named('typescript'))).toMatchObject({
      image: 'sandbox-node:latest',
      programs: ['tsx'],
    });
  });

  it('is what is configured for a shell, and nothing but the image that was asked for', () => {
    expect(languageOptions(named('bash'))).toEqual({});
    expect(languageOptions(named('python'), 'python:3')).toEqual({ image: 'python:3' });
  });

  it('comes from its registry where it is not built', () => {
    const perl = { id: 'perl', image: 'perl:5', fileName: 'main.pl', command: () => ['perl'] };
    expect(languageOptions(perl)).toEqual({ image: 'perl:5', programs: ['perl'] });
    expect(languageFailure(perl, missing)).toBe(missing);
  });

  it('says how to build what is missing', () => {
    expect(languageFailure(named('python3'), missing)).toMatchObject({
      code: 'NOT_FOUND',
      hint: expect.stringContaining('`sandbox images build python --runtime docker`'),
    });
  });

  it.each([
    ['another image', missing, 'python:3'],
    ['another thing', new SandboxError('NOT_FOUND', 'no runtime', { operation: 'select' }), undefined],
    ['another failure', new SandboxError('UNAVAILABLE', 'down', { operation: 'images.inspect' }), undefined],
    ['no failure of ours', new Error('boom'), undefined],
  ])('leaves a failure of %s as it is', (_what, error, image) => {
    expect(languageFailure(named('python'), error, image)).toBe(error);
  });

  it('is of no language that is not there', () => {
    expect(() => named('cobol')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', hint: expect.stringContaining('python') }),
    );
  });
});
