import { expect, test } from 'vitest';
import {
  installCommands,
  PACKAGE_MANAGER_PATHS,
  packageManagerOf,
  toolLayerName,
  toolsDockerfile,
} from './tool-layer.ts';
import { PACKAGE_MANAGERS, toolNames } from './tools.ts';

const usual = toolNames(true);

test.each(PACKAGE_MANAGERS)('a base with %s is known by it', (manager) => {
  expect(packageManagerOf(['/bin/sh', PACKAGE_MANAGER_PATHS[manager]])).toBe(manager);
});

test('a base without any is not known', () => {
  expect(packageManagerOf([])).toBeUndefined();
  expect(packageManagerOf(['/usr/bin/pacman'])).toBeUndefined();
});

test('the usual tools are these packages', () => {
  const packages = (manager: (typeof PACKAGE_MANAGERS)[number]) =>
    installCommands(manager, usual).at(-1)?.join(' ');
  expect(packages('apt')).toMatch(
    / install ca-certificates build-essential curl git nano nodejs npm python3 python3-pip python3-venv rustc-web\|rustc cargo-web\|cargo vim wget$/,
  );
  expect(packages('apk')).toBe(
    'apk add ca-certificates build-base curl git nano nodejs npm python3 py3-pip rust cargo vim wget',
  );
  expect(packages('dnf')).toMatch(
    /^dnf install --assumeyes .* ca-certificates gcc gcc-c\+\+ make curl git nano nodejs npm python3 python3-pip rust cargo vim-enhanced wget$/,
  );
});

test('no command depends on a name: each is a word of its own, and the one script is always the same', () => {
  const [, one] = installCommands('apt', ['git']);
  const [, other] = installCommands('apt', ['g++', 'jq']);
  expect(one?.slice(0, 6)).toEqual(other?.slice(0, 6));
  expect(other?.slice(6)).toEqual(['ca-certificates', 'g++', 'jq']);
});

test.each(PACKAGE_MANAGERS)('a Dockerfile for %s says all of it as argv', (manager) => {
  const base = 'ghcr.io/acme/base:1@sha256:00';
  const labels = { 'dev.sandbox.managed': 'true', scope: 'a "b" $C\\\nRUN id' };
  const lines = toolsDockerfile({ manager, base, tools: ['git'], labels })
    .trimEnd()
    .split('\n');
  expect(lines.slice(0, 3)).toEqual([
    ...[`FROM ${base}`, String.raw`LABEL "dev.sandbox.managed"="true" "scope"="a \"b\" \$C\\ RUN id"`],
    'USER 0:0',
  ]);
  expect(lines.slice(3).map((line) => JSON.parse(line.replace(/^RUN /, '')))).toEqual(
    installCommands(manager, ['git']),
  );
});

test.each(['', 'a b', 'a\nRUN id', '$BASE', 'a\\', '/srv/root', '-a', '"a"'])('%j is no base', (base) => {
  expect(() => toolsDockerfile({ manager: 'apt', base, tools: ['git'], labels: {} })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
});

test('the name is one for each base and list', () => {
  const name = toolLayerName('sha256:1', ['curl', 'git']);
  expect(name).toMatch(/^sandbox-tools:[0-9a-f]{24}$/);
  expect(toolLayerName('sha256:1', ['curl', 'git'])).toBe(name);
  expect(
    new Set([name, toolLayerName('sha256:2', ['curl', 'git']), toolLayerName('sha256:1', ['curl'])]).size,
  ).toBe(3);
});
