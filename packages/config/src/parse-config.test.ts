import { SandboxError } from '@sandbox/core';
import { describe, expect, test } from 'vitest';
import { Config } from './config.ts';
import { CEILING_KEYS, SANDBOX_KEYS } from './keys.ts';
import { parseConfig } from './parse-config.ts';
import { ConfigError } from './problems.ts';
import { toml } from './template.ts';
import { written } from './value-kinds.ts';

const MIB = 2 ** 20;
const values = (text: string) => parseConfig(text, 'sandbox.toml').values;

function errorOf(text: string): ConfigError {
  try {
    parseConfig(text, '/etc/sandbox/sandbox.toml');
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`nothing is wrong with ${text}`);
}

test('a whole file', () => {
  const text = `
default_trust = "public"

[sandbox]
enabled = true
runtime = "auto"
long_lived = true
allow_network = true
allow_root = false
memory = "4g"
cpus = 2.0
pids_limit = 1024
timeout = "120s"
image = "debian:bookworm-slim"
workspace_access = "rw"
cleanup_after_days = 30
protect_full_trust = true
tools = true

[[users]]
name = "alice"
trust = "full"
sandbox = { long_lived = true, memory = "8g" }

[[cron]]
name = "nightly"
user = "bob"
sandbox = { long_lived = false }

[trust.inner]
max_memory = "1g"
max_timeout = "5m"

[runtimes.docker]
socket_path = "/run/docker.sock"
`;
  expect(values(text)).toEqual({
    default_trust: 'public',
    sandbox: {
      ...{ enabled: true, runtime: 'auto', long_lived: true, allow_network: true, allow_root: false },
      ...{ memory: 4096 * MIB, cpus: 2, pids_limit: 1024, timeout: 120_000, image: 'debian:bookworm-slim' },
      ...{ workspace_access: 'rw', cleanup_after_days: 30, protect_full_trust: true, tools: true },
    },
    users: [{ name: 'alice', trust: 'full', sandbox: { long_lived: true, memory: 8192 * MIB } }],
    cron: [{ name: 'nightly', user: 'bob', sandbox: { long_lived: false } }],
    trust: { inner: { maxMemoryBytes: 1024 * MIB, maxTimeoutMs: 300_000 } },
    runtimes: { docker: { socket_path: '/run/docker.sock' } },
  });
});

test('nothing at all', () => {
  expect(values('')).toEqual({});
  expect(values('[sandbox]\n[trust.public]\n')).toEqual({ sandbox: {}, trust: { public: {} } });
});

describe('keys of [sandbox]', () => {
  const assignments = Object.entries(SANDBOX_KEYS).map(
    ([key, { kind, builtIn, overridable }]) =>
      [key, `${key} = ${toml(written(kind as never, builtIn as never))}`, overridable] as const,
  );

  test.each(assignments)('%s', (key, assignment, overridable) => {
    expect(values(`[sandbox]\n${assignment}\n`).sandbox).toHaveProperty(key);
    for (const list of ['users', 'cron'] as const) {
      const text = `[[${list}]]\nname = "x"\n[${list}.sandbox]\n${assignment}\n`;
      if (overridable) expect(values(text)[list]?.[0]?.sandbox).toHaveProperty(key);
      else {
        expect(errorOf(text).problems).toMatchObject([
          { line: 4, key: `${list}.x.sandbox.${key}`, hint: expect.stringContaining('belongs to [sandbox]') },
        ]);
      }
    }
  });

  test('all but two may be overridden', () => {
    const fixed = assignments.flatMap(([key, , overridable]) => (overridable ? [] : [key]));
    expect(fixed).toEqual(['enabled', 'cleanup_after_days']);
  });
});

/** Text, line, key, what the message says, what the hint says. */
test.each([
  ['[sandbox]\nmemroy = "4g"', 2, 'sandbox.memroy', 'unknown key', 'Did you mean memory?'],
  ['[sandbox]\npids = 1', 2, 'sandbox.pids', 'unknown key', 'Known here: enabled, runtime'],
  ['[sandbox]\n\nmemory = "4 gigs"', 3, 'sandbox.memory', '"4 gigs" is not a size', '512m, 1.5g'],
  ['[sandbox]\nmemory = "1m"', 2, 'sandbox.memory', 'at least 6291456 bytes, not "1m"', 'a size'],
  ['[sandbox]\nmemory = true', 2, 'sandbox.memory', 'not true', undefined],
  ['[sandbox]\ntimeout = 120', 2, 'sandbox.timeout', 'not 120', '"120s"'],
  ['[sandbox]\ntimeout = "120"', 2, 'sandbox.timeout', '"120" is not a duration', '120s'],
  ['[sandbox]\ntimeout = "30d"', 2, 'sandbox.timeout', '24 days', 'a time'],
  ['[sandbox]\ncpus = 0', 2, 'sandbox.cpus', '0 is not a number of processors', '0.25'],
  ['[sandbox]\ncpus = nan', 2, 'sandbox.cpus', 'is not a number of processors', '0.25'],
  ['[sandbox]\npids_limit = 0', 2, 'sandbox.pids_limit', 'at least 1', 'a whole number'],
  ['[sandbox]\npids_limit = 1.5', 2, 'sandbox.pids_limit', 'not 1.5', 'a whole number'],
  ['[sandbox]\nopen_files = 1', 2, 'sandbox.open_files', 'at least 16', 'a whole number'],
  ['[sandbox]\nenabled = "no"', 2, 'sandbox.enabled', 'true or false, not "no"', undefined],
  ['[sandbox]\nimage = "a b"', 2, 'sandbox.image', 'not "a b"', 'name of an image'],
  ['[sandbox]\nruntime = "Docker"', 2, 'sandbox.runtime', 'docker, podman', undefined],
  ['[sandbox]\nworkspace_access = "w"', 2, 'sandbox.workspace_access', 'rw, ro or none', undefined],
  ['[sandbox]\ncleanup_after_days = 0', 2, 'sandbox.cleanup_after_days', 'from 1 to 36500', undefined],
  ['[sandbox]\ntools = ["git", ""]', 2, 'sandbox.tools', 'list of names', undefined],
  ['[sandbox]\nenv = { A = 1 }', 2, 'sandbox.env', 'A is not a text', 'write "1"'],
  ['[sandbox]\nbest_effort = ["user"]', 2, 'sandbox.best_effort', 'never relaxed', 'memory, cpus'],
  ['[sandbox]\n"__proto__" = 1', 2, 'sandbox.__proto__', 'unknown key', 'Known here'],
  ['memory = "4g"', 1, 'memory', 'unknown key', 'memory belongs to [sandbox]'],
  ['[sandbox]\ndefault_trust = "full"', 2, 'sandbox.default_trust', 'unknown key', 'top of the file'],
  ['default_trust = "admin"', 1, 'default_trust', 'owner, full, inner, familiar or public', undefined],
  ['[sandbx]', 1, 'sandbx', 'unknown key', 'Did you mean sandbox?'],
  ['sandbox = 1', 1, 'sandbox', 'is a table, not 1', undefined],
  ['[users]\nname = "x"', 1, 'users', 'a list of tables', '[[users]]'],
  ['users = [1]', 1, 'users[0]', 'is a table, not 1', undefined],
  ['[[users]]\ntrust = "full"', 1, 'users[0].name', 'name is missing', undefined],
  ['[[users]]\nname = ""', 2, 'users[0].name', '"" is not the name of a user', '128'],
  ['[[users]]\nname = "a\\nb"', 2, 'users[0].name', 'is not the name of a user', '128'],
  ['[[users]]\nname = "x"\ntrust = "Full"', 3, 'users.x.trust', 'not "Full"', undefined],
  ['[[users]]\nname = "x"\nmemory = "8g"', 3, 'users.x.memory', 'unknown key', 'sandbox = { memory'],
  [
    '[[users]]\nname = "x"\nuser = "y"',
    3,
    'users.x.user',
    'unknown key',
    'name, trust, workspace_roots, sandbox',
  ],
  ['[[users]]\nname = "x"\n\n[[users]]\nname = "x"', 5, 'users.x', 'line 2 has it too', 'one [[users]]'],
  ['[[cron]]\nname = "x"\n[[cron]]\nname = "x"', 4, 'cron.x', 'line 2 has it too', 'one [[cron]]'],
  ['[[cron]]\nname = "x"\nschedule = "@daily"', 3, 'cron.x.schedule', 'unknown key', 'name, user, sandbox'],
  ['[trust.admin]\nmax_pids = 1', 1, 'trust.admin', 'unknown key', 'owner, full, inner'],
  ['[trust.public]\nmemory = "1g"', 2, 'trust.public.memory', 'unknown key', 'max_memory'],
  ['[trust.public]\nmax_memory = "none"', 2, 'trust.public.max_memory', 'is not a size', '512m'],
  ['[trust.public]\nmax_sandboxes = -1', 2, 'trust.public.max_sandboxes', 'from 0', undefined],
  ['max_memory = "1g"', 1, 'max_memory', 'unknown key', '[trust.<level>]'],
  ['[runtimes]\ndocker = 1', 2, 'runtimes.docker', 'is a table, not 1', undefined],
  ['[runtimes.Docker]', 1, 'runtimes.Docker', 'not the id of a runtime', 'apple-container'],
  ['[runtimes.auto]', 1, 'runtimes.auto', 'not the id of a runtime', 'apple-container'],
  ['[runtimes.__proto__]\nx = 1', 1, 'runtimes.__proto__', 'not the id of a runtime', 'docker'],
])('%j', (text, line, key, message, hint) => {
  const { problems } = errorOf(text);
  expect(problems).toHaveLength(1);
  const [problem] = problems;
  expect(problem).toMatchObject({ line, key, message: expect.stringContaining(message) });
  // Every message tells which key, as people write it.
  expect(problem?.message).toContain(key);
  expect(problem?.hint).toEqual(hint === undefined ? problem?.hint : expect.stringContaining(hint));
});

test('all that is wrong is told at once, in the order of the file', () => {
  const error = errorOf(
    `[trust.public]\nmax_pids = 0\n[sandbox]\nfoo = 1\nmemory = 1\n[[users]]\nname = "x"\nbar = 1\n`,
  );
  expect(error.problems.map(({ line, key }) => [line, key])).toEqual([
    [2, 'trust.public.max_pids'],
    [4, 'sandbox.foo'],
    [5, 'sandbox.memory'],
    [8, 'users.x.bar'],
  ]);
  expect(SandboxError.is(error)).toBe(true);
  expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', file: '/etc/sandbox/sandbox.toml' });
  expect(error.message).toMatch(
    /^\/etc\/sandbox\/sandbox\.toml:2: trust\.public\.max_pids .*; .*toml:4: unknown key sandbox\.foo; /,
  );
  expect(error.hint).toBe(error.problems[0]?.hint);
});

test('a text that is not TOML has a line too', () => {
  expect(errorOf('[sandbox]\nmemory = 4g\n').problems).toMatchObject([
    { line: 2, key: null, message: expect.stringContaining('not TOML') },
  ]);
  expect(errorOf('[sandbox]\nmemory = "1g"\nmemory = "2g"\n').problems).toMatchObject([{ line: 3 }]);
});

test('there is a ceiling for each of core’s', () => {
  const text = `[trust.inner]
max_memory = "1g"
max_cpus = 1.5
max_pids = 10
max_timeout = "5m"
max_sandboxes = 0
allow_network = false
allow_root = true
allow_long_lived = false
best_effort = ["cpus"]
`;
  expect(values(text).trust?.inner).toEqual({
    ...{ maxMemoryBytes: 1024 * MIB, maxCpus: 1.5, maxPids: 10, maxTimeoutMs: 300_000, maxSandboxes: 0 },
    ...{ allowNetwork: false, allowRoot: true, allowLongLived: false, bestEffort: ['cpus'] },
  });
  expect(Object.keys(CEILING_KEYS)).toHaveLength(9);
});

test('what is recorded, with what holds without it', () => {
  const of = (text: string) => new Config(parseConfig(text, 'f')).monitoring;
  const builtIn = { enabled: true, retentionDays: 30, recordArgv: false, recordEnv: false };
  expect(of('')).toEqual(builtIn);
  expect(of('[monitoring]\nretention_days = 7\nrecord_argv = true')).toEqual({
    ...builtIn,
    ...{ retentionDays: 7, recordArgv: true },
  });
  expect(of('[monitoring]\nenabled = false').enabled).toBe(false);
  for (const wrong of ['retention_days = 0', 'retention_days = "7d"', 'enabled = 1', 'record_env = "yes"'])
    expect(errorOf(`[monitoring]\n${wrong}`).message).toContain(`monitoring.${wrong.split(' ')[0]}`);
  expect(errorOf('[monitoring]\nretention = 7').hint).toContain('retention_days');
});

test.each([
  ['a key where its hash belongs', '[[keys]]\nid = "abcdefgh"\nuser = "ann"\nhash = "sbx_planted"\n'],
  ['a key where its id belongs', '[[keys]]\nid = "sbx_planted"\nuser = "ann"\n'],
  ['a list instead of a table', '[[sandbox]]\nenv = { TOKEN = "planted" }\n'],
  ['a table instead of a list', '[users]\nname = "ann"\nsandbox = { env = { TOKEN = "planted" } }\n'],
  ['a variable that is none', '[sandbox.env]\n"A=B" = "planted"\n'],
])('what is wrong with it tells no secret: %s', (_, text) => {
  const { message, hint } = errorOf(text);
  expect(`${message} ${hint}`).not.toContain('planted');
});
