import type { OptionsSchema } from '@sandbox/core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseConfig } from './parse-config.ts';
import { NO_CONFIG } from './parsed-config.ts';
import { runtimeOptions, strangeRuntimes } from './runtime-options.ts';

const schema = z.strictObject({
  socketPath: z.string().startsWith('/').optional(),
  timeouts: z.strictObject({ probeMs: z.int().optional() }).optional(),
  hosts: z.array(z.strictObject({ portNumber: z.int() })).optional(),
});
const parse = (text: string) => parseConfig(text, 'sandbox.toml');
const options = (text: string) => runtimeOptions(parse(text), 'engine', schema);

test('keys are written with underscores and given as the adapter spells them', async () => {
  const text = `[runtimes.engine]\nsocket_path = "/x"\ntimeouts.probe_ms = 5\nhosts = [{ port_number = 1 }]\n`;
  expect(await options(text)).toEqual({
    ...{ socketPath: '/x', timeouts: { probeMs: 5 }, hosts: [{ portNumber: 1 }] },
  });
  expect(await options('[runtimes.other]\nx = 1\n')).toEqual({});
  expect(await runtimeOptions(NO_CONFIG, 'engine', schema)).toEqual({});
});

test.each([
  ['[runtimes.engine]\nsocket_path = "x"', 2, 'runtimes.engine.socket_path', 'is "x"', undefined],
  [
    '[runtimes.engine]\nsocket_pth = "/x"',
    2,
    'runtimes.engine.socket_pth',
    'not an option',
    'Did you mean socket_path?',
  ],
  ['[runtimes.engine]\nwhatever = 1', 2, 'runtimes.engine.whatever', 'not an option', undefined],
  [
    '[runtimes.engine]\nsocketPath = "/x"',
    2,
    'runtimes.engine.socketPath',
    'snake_case',
    'Write socket_path.',
  ],
  [
    '[runtimes.engine.timeouts]\n\nprobe_ms = "1"',
    3,
    'runtimes.engine.timeouts.probe_ms',
    'is "1"',
    undefined,
  ],
  [
    '[runtimes.engine.timeouts]\ncall_ms = 1',
    2,
    'runtimes.engine.timeouts.call_ms',
    'not an option',
    undefined,
  ],
])('%j', async (text, line, key, message, hint) => {
  await expect(options(text)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(`sandbox.toml:${line}: ${key}`),
    problems: [{ line, key, message: expect.stringContaining(message), hint }],
  });
});

test('any library for schemas will do', async () => {
  const other: OptionsSchema<string> = {
    '~standard': {
      ...{ version: 1, vendor: 'by hand' },
      validate: async (value) =>
        Object.hasOwn(value as object, 'good')
          ? { value: 'fine' }
          : { issues: [{ message: 'should be good', path: [{ key: 'inner' }] }] },
    },
  };
  expect(await runtimeOptions(parse('[runtimes.x]\ngood = 1'), 'x', other)).toBe('fine');
  await expect(runtimeOptions(parse('[runtimes.x]\ninner = 1'), 'x', other)).rejects.toMatchObject({
    problems: [{ line: 2, key: 'runtimes.x.inner', message: expect.stringContaining('should be good') }],
  });
});

test('runtimes that a program has not are told, with the one that may be meant', () => {
  const text = `[sandbox]\nruntime = "dokcer"\n[[users]]\nname = "ann"\nsandbox = { runtime = "other" }\n[[cron]]\nname = "n"\nsandbox = { runtime = "auto" }\n[runtimes.docker]\n[runtimes.elsewhere]\n`;
  expect(strangeRuntimes(parse(text), ['docker', 'podman'])).toEqual([
    expect.objectContaining({ line: 2, key: 'sandbox.runtime', hint: 'Did you mean docker?' }),
    expect.objectContaining({
      line: 5,
      key: 'users.ann.sandbox.runtime',
      hint: 'Known here: docker, podman.',
    }),
    expect.objectContaining({ line: 10, key: 'runtimes.elsewhere' }),
  ]);
  expect(strangeRuntimes(NO_CONFIG, ['docker'])).toEqual([]);
});
