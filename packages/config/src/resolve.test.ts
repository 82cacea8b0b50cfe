import { type PolicyInput, resolvePolicy, selectForCleanup, TRUST_LEVELS, type Trust } from '@sandbox/core';
import { describe, expect, test } from 'vitest';
import { SANDBOX_KEYS, type SandboxKey } from './keys.ts';
import { parseConfig } from './parse-config.ts';
import { NO_CONFIG } from './parsed-config.ts';
import { callerSettings, cleanupSettings, resolveCaller, sectionWith, settingOf } from './resolve.ts';
import { toml } from './template.ts';

const parse = (text: string) => parseConfig(text, 'sandbox.toml');
const settings = (text: string, caller = {}) => callerSettings(parse(text), caller);

/** For each key three values, as they are written: of the file, the user and the job. Then the request's, where core's policy has the key. */
const written: { readonly [K in SandboxKey]?: readonly unknown[] } = {
  runtime: ['docker', 'podman', 'nsjail'],
  long_lived: [false, true, false],
  allow_network: [false, true, false],
  allow_root: [true, false, true],
  memory: ['64m', '65m', '66m'],
  cpus: [1, 'none', 3],
  pids_limit: [10, 20, 30],
  timeout: ['1s', '2s', 'none'],
  image: ['one', 'two', 'three'],
  workspace_access: ['ro', 'none', 'rw'],
  open_files: [16, 17, 18],
  file_size: ['1m', 'none', '3m'],
  disk: ['1g', '2g', 'none'],
  tmpfs: ['1m', '2m', '3m'],
  env: [{ A: '1' }, { A: '2' }, { A: '3' }],
  best_effort: [['cpus'], [], ['pids']],
  tools: [false, ['git'], true],
  protect_full_trust: [false, true, false],
};

const overridable = Object.entries(SANDBOX_KEYS).flatMap(([key, info]) => (info.overridable ? [key] : []));

test('every key that may be overridden is looked at here', () => {
  expect(Object.keys(written).sort()).toEqual(overridable.sort());
});

const inline = (value: unknown) =>
  typeof value === 'object' && !Array.isArray(value)
    ? `{ A = "${(value as { A: string }).A}" }`
    : toml(value);

/** A file in which the first `count` of file, user and job say something. */
function layered(key: SandboxKey, count: number): string {
  const say = (index: number) =>
    index < count ? `${key} = ${inline(written[key]?.[index])}` : `# nothing about ${key}`;
  return `[sandbox]\n${say(0)}\n[[users]]\nname = "ann"\ntrust = "owner"\n[users.sandbox]\n${say(1)}\n[[cron]]\nname = "nightly"\nuser = "ann"\n[cron.sandbox]\n${say(2)}\n`;
}

describe('built in < file < user < job < request', () => {
  const caller = { cron: 'nightly' };
  test.each(overridable as SandboxKey[])('%s', (key) => {
    const info = SANDBOX_KEYS[key] as (typeof SANDBOX_KEYS)['memory'];
    for (const [count, source, line] of [
      [0, undefined, undefined],
      [1, 'config', 2],
      [2, 'user', 7],
      [3, 'cron', 12],
    ] as const) {
      const config = parse(layered(key, count));
      const { sections } = resolveCaller(config, caller);
      const section = sectionWith(sections, key);
      expect(section?.source).toBe(source);
      if (section === undefined) continue;
      expect(config.lineOf([...section.path, key])).toBe(line);
      const value = info.kind.read(written[key]?.[count - 1] as never, key);
      expect(settingOf(sections, key)).toEqual(value);
      if (info.policy === undefined) continue;
      for (const lifecycle of ['ephemeral', 'long-lived'] as const) {
        const { layers, trust } = callerSettings(config, caller);
        const resolved = resolvePolicy({ lifecycle, trust, layers: layers[lifecycle] });
        expect(resolved.policy[info.policy]).toEqual(value);
        expect(resolved.sources[info.policy]).toBe(source);
        const asked = resolvePolicy({
          ...{ lifecycle, trust },
          layers: [...layers[lifecycle], { source: 'request', values: requests }],
        });
        expect(asked.policy[info.policy]).toEqual(requests[info.policy]);
        expect(asked.sources[info.policy]).toBe('request');
      }
    }
  });

  const requests: PolicyInput = {
    ...{ image: 'asked', memoryBytes: 2 ** 30, cpus: 0.5, pids: 99, openFiles: 99, fileSizeBytes: 99 },
    ...{ diskBytes: 99, tmpfsBytes: 8192, workspaceAccess: 'none', timeoutMs: 99, env: { A: 'asked' } },
    bestEffort: ['disk'],
  };

  test('what is not of the policy', () => {
    const holds = (key: SandboxKey, count: number) => callerSettings(parse(layered(key, count)), caller);
    expect([0, 1, 2, 3].map((count) => holds('runtime', count).runtime)).toEqual([
      ...[undefined, 'docker', 'podman', 'nsjail'],
    ]);
    expect([0, 1, 2, 3].map((count) => holds('long_lived', count).lifecycle)).toEqual([
      ...['long-lived', 'ephemeral', 'long-lived', 'ephemeral'],
    ]);
    expect([0, 1, 2, 3].map((count) => holds('tools', count).tools)).toEqual([true, false, ['git'], true]);
  });

  test('the environment is merged name by name', () => {
    const text = `[sandbox.env]\nA = "1"\nB = "1"\n[[users]]\nname = "ann"\nsandbox = { env = { B = "2" } }\n`;
    const { layers, trust } = settings(text, { user: 'ann' });
    const { policy } = resolvePolicy({ lifecycle: 'ephemeral', trust, layers: layers.ephemeral });
    expect(policy.env).toEqual({ A: '1', B: '2' });
  });
});

describe('what is allowed', () => {
  const resolve = (text: string, lifecycle: 'ephemeral' | 'long-lived', values: PolicyInput = {}) => {
    const { layers, trust, ceilings } = settings(text, { user: 'ann' });
    const all = [...layers[lifecycle], { source: 'request' as const, values }];
    const { policy, sources } = resolvePolicy({ lifecycle, trust, ceilings, layers: all });
    return { network: policy.network, from: sources.network, root: policy.allowRoot };
  };

  test('a network is for those who are kept, and nobody’s demand', () => {
    const allowed = '[sandbox]\nallow_network = true\n';
    expect(resolve(allowed, 'long-lived')).toMatchObject({ network: 'full', from: 'default' });
    expect(resolve(allowed, 'ephemeral')).toMatchObject({ network: 'none', from: 'default' });
    expect(resolve(allowed, 'ephemeral', { network: 'full' })).toMatchObject({ network: 'full' });
  });

  test('no network is a demand, of the strongest who says something', () => {
    const no = '[sandbox]\nallow_network = false\n';
    expect(resolve(no, 'long-lived')).toMatchObject({ network: 'none', from: 'config' });
    const yes = `${no}[[users]]\nname = "ann"\nsandbox = { allow_network = true }\n`;
    expect(resolve(yes, 'long-lived')).toMatchObject({ network: 'full', from: 'default' });
    const other = `${no}[[users]]\nname = "bob"\nsandbox = { allow_network = true }\n`;
    expect(resolve(other, 'long-lived')).toMatchObject({ network: 'none', from: 'config' });
  });

  test('root is for those who are kept', () => {
    const yes = '[sandbox]\nallow_root = true\n';
    expect(resolve(yes, 'long-lived').root).toBe(true);
    expect(resolve(yes, 'ephemeral').root).toBe(false);
    const no = `${yes}[[users]]\nname = "ann"\nsandbox = { allow_root = false }\n`;
    expect(resolve(no, 'long-lived').root).toBe(false);
  });
});

describe('who calls', () => {
  const text = `[[users]]\nname = "ann"\ntrust = "full"\n[[users]]\nname = "new"\n[[cron]]\nname = "nightly"\nuser = "ann"\n[[cron]]\nname = "anybody"\n`;

  test('a user who is not in the file has the default trust, which is familiar', () => {
    expect(settings('', { user: 'eve' })).toMatchObject({ user: 'eve', trust: 'familiar' });
    expect(callerSettings(NO_CONFIG, {})).toMatchObject({ user: undefined, trust: 'familiar' });
    expect(settings('default_trust = "public"', { user: 'eve' }).trust).toBe('public');
    expect(settings(`default_trust = "public"\n${text}`, { user: 'new' }).trust).toBe('public');
    expect(settings(`default_trust = "public"\n${text}`, { user: 'ann' }).trust).toBe('full');
  });

  const pairs = TRUST_LEVELS.flatMap((configured) => TRUST_LEVELS.map((said) => [configured, said] as const));
  test.each(pairs)('configured %s, said %s: the lower of the two', (configured, said) => {
    const lower: Trust = TRUST_LEVELS.indexOf(said) > TRUST_LEVELS.indexOf(configured) ? said : configured;
    const own = `[[users]]\nname = "ann"\ntrust = "${configured}"\n`;
    expect(settings(own, { user: 'ann', trust: said }).trust).toBe(lower);
    expect(settings(`default_trust = "${configured}"`, { trust: said }).trust).toBe(lower);
  });

  test('a job has its user, and its own settings over theirs', () => {
    expect(settings(text, { cron: 'nightly' })).toMatchObject({ user: 'ann', trust: 'full' });
    expect(settings(text, { cron: 'nightly', user: 'ann' })).toMatchObject({ user: 'ann', trust: 'full' });
    expect(settings(text, { cron: 'anybody', user: 'bob' })).toMatchObject({
      user: 'bob',
      trust: 'familiar',
    });
    expect(settings('[[cron]]\nname = "n"\nuser = "bob"\n', { cron: 'n' })).toMatchObject({ user: 'bob' });
  });

  test('a job of another user is nobody’s to borrow', () => {
    expect(() => settings(text, { cron: 'nightly', user: 'bob' })).toThrow(
      expect.objectContaining({ code: 'PERMISSION_DENIED' }),
    );
  });

  test('a job that is not there is named, and the one that may be meant', () => {
    expect(() => settings(text, { cron: 'nigthly' })).toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        message: expect.stringContaining('"nigthly"'),
        hint: 'Did you mean nightly?',
      }),
    );
    expect(() => callerSettings(NO_CONFIG, { cron: 'x' })).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
  });
});

describe('cleanup', () => {
  const DAY_MS = 86_400_000;
  const now = new Date();
  const removes = (text: string, trust: Trust, days: number) => {
    const cleanup = cleanupSettings(parse(text));
    const record = {
      ...{ name: 'x', runtime: 'docker', workspace: '/w', user: 'ann', instance: '', trust },
      ...{
        createdAt: new Date(now.getTime() - 200_000 * DAY_MS),
        lastUsedAt: new Date(now.getTime() - days * DAY_MS),
        lifecycle: 'long-lived' as const,
      },
    };
    const protectsFullTrust = cleanup.protectsFullTrust({ user: 'ann' });
    const { remove } = selectForCleanup(
      [
        {
          record: { ...record, trust: cleanup.trustOf('ann') ?? trust },
          ...{ owner: 'alive', state: 'stopped', protectsFullTrust },
        },
      ],
      { idleDays: cleanup.idleDays, protectFullTrust: true, mode: 'manual' },
      { now, boot: { bootId: '', elapsedMs: 0 } },
    );
    return remove.length === 1;
  };

  const aggressive = '[sandbox]\ncleanup_after_days = 7\nprotect_full_trust = false\n';
  const development = '[sandbox]\ncleanup_after_days = 90\nprotect_full_trust = true\n';
  const policies = [
    ['default', '', 30, true],
    ['aggressive', aggressive, 7, false],
    ['development', development, 90, true],
  ] as const;
  const protectedLevels: readonly Trust[] = ['owner', 'full'];

  test.each(policies.flatMap((policy) => TRUST_LEVELS.map((trust) => [...policy, trust] as const)))(
    '%s %#: after %i days, full trust protected: %j, trust %s',
    (_, text, days, protects, trust) => {
      expect(removes(text, trust, days)).toBe(false);
      expect(removes(text, trust, days + 1)).toBe(!(protects && protectedLevels.includes(trust)));
    },
  );

  test('the configured trust of now counts, and the recorded one of users who are not in the file', () => {
    const full = '[[users]]\nname = "ann"\ntrust = "full"\n';
    expect(removes(full, 'public', 31)).toBe(false);
    expect(removes('[[users]]\nname = "ann"\ntrust = "inner"\n', 'owner', 31)).toBe(true);
    expect(removes('[[users]]\nname = "ann"\n', 'owner', 31)).toBe(true);
    expect(removes('', 'owner', 31)).toBe(false);
  });

  test('never is never', () => {
    expect(removes('[sandbox]\ncleanup_after_days = "never"\n', 'public', 100_000)).toBe(false);
  });

  test('a user and a job may be protected otherwise than the rest', () => {
    const { protectsFullTrust } = cleanupSettings(
      parse(
        `[[users]]\nname = "ann"\nsandbox = { protect_full_trust = false }\n[[cron]]\nname = "n"\nsandbox = { protect_full_trust = true }\n`,
      ),
    );
    expect(protectsFullTrust({ user: 'bob' })).toBe(true);
    expect(protectsFullTrust({})).toBe(true);
    expect(protectsFullTrust({ user: 'ann' })).toBe(false);
    expect(protectsFullTrust({ user: 'ann', cron: 'n' })).toBe(true);
    expect(protectsFullTrust({ user: 'ann', cron: 'gone' })).toBe(false);
  });
});
