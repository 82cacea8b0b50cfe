import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedFiles } from '../scripts/generated.ts';
import { CEILING_KEYS, MONITORING_KEYS, SANDBOX_KEYS, SERVER_KEYS, TOP_KEYS } from './keys.ts';
import { parseConfig } from './parse-config.ts';
import { callerSettings } from './resolve.ts';
import { configTemplate } from './template.ts';

test.each([...generatedFiles()].map(([path, text]) => [basename(path), path, text]))(
  '%s is as `node packages/config/scripts/generated.ts` writes it',
  (_, path, text) => {
    expect(readFileSync(path, 'utf8')).toBe(text);
  },
);

describe('the file to begin with', () => {
  test('changes nothing', () => {
    const { layers, ...rest } = callerSettings(parseConfig(configTemplate(), 'f'), {});
    expect(layers.ephemeral).toEqual([{ source: 'config', values: {} }]);
    expect(rest).toMatchObject({ trust: 'familiar', lifecycle: 'long-lived', runtime: undefined });
  });

  test('says what holds without it, for every key', () => {
    const lines = configTemplate()
      .split('\n')
      .map((line) => line.replace(/^# (?=[a-z_]+ = )/, ''));
    const users = lines.findIndex((line) => line.startsWith('# One [[users]]'));
    const { values } = parseConfig(lines.slice(0, users).join('\n'), 'f');
    for (const [key, { builtIn }] of Object.entries(SANDBOX_KEYS))
      expect([key, values.sandbox?.[key as keyof typeof SANDBOX_KEYS]]).toEqual([key, builtIn]);
    expect(values.default_trust).toBe(TOP_KEYS.default_trust.builtIn);
    const rest = lines.slice(
      lines.indexOf('[trust.public]'),
      lines.indexOf('# Options of adapters, as their READMEs list them.'),
    );
    const { trust, server, monitoring } = parseConfig(rest.join('\n'), 'f').values;
    expect(Object.keys(trust?.public ?? {})).toHaveLength(Object.keys(CEILING_KEYS).length);
    for (const [keys, said] of [
      [SERVER_KEYS, server],
      [MONITORING_KEYS, monitoring],
    ] as const)
      expect(said).toEqual(
        Object.fromEntries(Object.entries(keys).map(([key, { builtIn }]) => [key, builtIn])),
      );
    // Of what has no word for what holds without it, it says what may be written.
    expect(configTemplate()).toMatch(/^## prepull is "all", or a list of languages/m);
  });
});
