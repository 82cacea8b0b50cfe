import { expect, test } from 'vitest';
import { explainConfig } from './explain.ts';
import { SANDBOX_KEYS } from './keys.ts';
import { parseConfig } from './parse-config.ts';
import { NO_CONFIG } from './parsed-config.ts';

const text = `default_trust = "inner"
[sandbox]
memory = "2g"
timeout = "30s"
cleanup_after_days = "never"
env = { A = "1" }
[[users]]
name = "ann"
trust = "public"
sandbox = { timeout = "10m", allow_root = true }
[[cron]]
name = "nightly"
user = "ann"
sandbox = { pids_limit = 64, env = { B = "2" } }
[trust.public]
max_pids = 256
`;
const config = parseConfig(text, '/etc/sandbox/sandbox.toml');

test('without a file all is built in', () => {
  const { file, user, trust, settings, warnings } = explainConfig(NO_CONFIG, {});
  expect({ file, user, trust, warnings }).toEqual({
    ...{ file: null, user: null, warnings: [] },
    trust: { value: 'familiar', source: 'default', line: null },
  });
  expect(Object.keys(settings)).toEqual(Object.keys(SANDBOX_KEYS));
  for (const setting of Object.values(settings))
    expect(setting).toMatchObject({ source: 'default', line: null });
  expect(settings.memory.value).toBe('4g');
  expect(settings.allow_network.value).toBe(true);
});

test('each value says where it comes from', () => {
  const { file, user, cron, trust, settings, ceilings } = explainConfig(config, { cron: 'nightly' });
  expect({ file, user, cron, trust }).toEqual({
    ...{ file: '/etc/sandbox/sandbox.toml', user: 'ann', cron: 'nightly' },
    trust: { value: 'public', source: 'user', line: 9 },
  });
  expect(settings).toMatchObject({
    image: { value: 'debian:bookworm-slim', source: 'default', line: null },
    cleanup_after_days: { value: 'never', source: 'config', line: 5 },
    pids_limit: { value: 64, source: 'cron', line: 14 },
    env: { value: { A: '1', B: '2' }, source: 'cron', line: 14 },
  });
  expect(settings.pids_limit.lowered).toBeUndefined();
  expect(settings.env.lowered).toBeUndefined();
  expect(ceilings).toMatchObject({
    max_memory: { value: '512m', source: 'default', line: null },
    max_pids: { value: 256, source: 'config', line: 16 },
  });
});

test('what a ceiling lowered is told with what was asked for', () => {
  const { settings, warnings } = explainConfig(config, { user: 'ann' });
  expect(settings).toMatchObject({
    memory: { value: '512m', source: 'config', line: 3, lowered: { from: '2g', by: 'max_memory' } },
    timeout: { value: '1m', source: 'user', line: 10, lowered: { from: '10m', by: 'max_timeout' } },
    cpus: { value: 1, source: 'default', lowered: { from: 'none', by: 'max_cpus' } },
    long_lived: { value: false, source: 'default', lowered: { from: true, by: 'allow_long_lived' } },
    allow_network: { value: false, source: 'default', lowered: { from: true, by: 'allow_network' } },
    allow_root: { value: false, source: 'user', lowered: { from: true, by: 'allow_root' } },
  });
  expect(warnings).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^max_memory: /),
      expect.stringMatching(/^allow_long_lived: /),
    ]),
  );
});

test('the trust of somebody who is not in the file, and of somebody who claims less', () => {
  const trustOf = (caller: Parameters<typeof explainConfig>[1]) => explainConfig(config, caller).trust;
  expect(trustOf({ user: 'eve' })).toEqual({ value: 'inner', source: 'config', line: 1 });
  expect(trustOf({ user: 'eve', trust: 'familiar' })).toEqual({
    value: 'familiar',
    source: 'request',
    line: null,
  });
  expect(trustOf({ user: 'eve', trust: 'owner' })).toEqual({ value: 'inner', source: 'config', line: 1 });
});

test('a level without ceilings has none', () => {
  const { ceilings } = explainConfig(config, { user: 'eve' });
  for (const ceiling of Object.values(ceilings))
    expect(ceiling).toEqual({ value: null, source: 'default', line: null });
});
