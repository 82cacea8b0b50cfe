/** Who may import whom. A package that is not named here may import nothing of ours, which is where to say so. */
export interface ImportRule {
  /** Packages of this repository that its source may import; a `*` at the end stands for anything. */
  readonly ours: readonly string[];
  /** Outside packages; undefined: whatever its package.json declares. */
  readonly outside?: readonly string[];
  readonly forbiddenBuiltins?: readonly string[];
}

const noProcesses = { forbiddenBuiltins: ['node:child_process', 'node:cluster'] };

const rules: Readonly<Record<string, ImportRule>> = {
  '@sandbox/guest': { ours: [], outside: [], ...noProcesses },
  '@sandbox/core': { ours: ['@sandbox/guest'], outside: ['tar', 'zod'], ...noProcesses },
  '@sandbox/conformance': { ours: ['@sandbox/core', '@sandbox/guest'] },
  '@sandbox/docker-api': { ours: ['@sandbox/core', '@sandbox/guest'], outside: ['dockerode', 'tar'] },
  '@sandbox/daemonless': { ours: ['@sandbox/core'], outside: ['zod'] },
  '@sandbox/apple-container-client': { ours: ['@sandbox/core', '@sandbox/daemonless'], outside: ['tar'] },
  '@sandbox/podman-client': { ours: ['@sandbox/core', '@sandbox/docker-api'], outside: [] },
  '@sandbox/adapter-*': {
    ours: ['core', 'guest', 'docker-api', 'daemonless', 'apple-container-client', 'podman-client'].map(
      (name) => `@sandbox/${name}`,
    ),
  },
  '@sandbox/languages': { ours: ['@sandbox/core'] },
  '@sandbox/code-checks': { ours: [] },
  '@sandbox/config': { ours: ['@sandbox/core'] },
  '@sandbox/server': { ours: ['@sandbox/core', '@sandbox/languages', '@sandbox/code-checks'] },
  '@sandbox/client': { ours: ['@sandbox/core'] },
  '@sandbox/cli': {
    ours: ['core', 'config', 'languages', 'code-checks', 'server', 'client'].map(
      (name) => `@sandbox/${name}`,
    ),
  },
  '@sandbox/app': { ours: ['@sandbox/core', '@sandbox/cli'] },
  '@sandbox/bench': {
    ours: ['core', 'guest', 'client', 'docker-api', 'adapter-*'].map((name) => `@sandbox/${name}`),
  },
  '@sandbox/api': { ours: [] },
  '@sandbox/consumer': { ours: [] },
  'create-sandbox-adapter': { ours: [], outside: [], ...noProcesses },
  '@sandbox/jail-tests': { ours: [] },
  '@sandbox/testbed': { ours: [] },
  '@sandbox/scripts': { ours: [] },
};

/** The one file of the app that names the bundled adapters. */
const adapterList = 'apps/sandbox/src/adapters.ts';

/** Core's tests run on the reference adapter, which imports core: declared as a dependency it would be a circle. */
export const reachesOut = 'packages/core/test/support/plain-adapter.ts';

/** Files whose imports are for tests only, and need no more than a dev dependency. */
export function isTestFile(path: string): boolean {
  return /(^|\/)test\//.test(path) || /\.test\.ts$/.test(path);
}

export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/**
 * Why this file may not import this module; undefined when it may. Tests may import anything that is declared,
 * except for what lies inside other packages.
 *
 * @param file path from the repository's root
 * @param target package name, or `node:` name of a built-in
 */
export function whyForbidden(packageName: string, file: string, target: string): string | undefined {
  const pattern = Object.keys(rules).find((key) => matches(key, packageName));
  const rule: ImportRule | undefined = pattern === undefined ? undefined : rules[pattern];
  if (rule === undefined) return `${packageName} has no entry in import-rules.ts`;
  if (target === '@sandbox/app') return 'the app is imported by nobody';
  if (isTestFile(file)) return undefined;
  if (target.startsWith('node:'))
    return rule.forbiddenBuiltins?.includes(target) ? `${packageName} may not use ${target}` : undefined;
  if (!target.startsWith('@sandbox/'))
    return rule.outside !== undefined && !rule.outside.includes(target)
      ? `${packageName} may not import ${target}`
      : undefined;
  if (file === adapterList && target.startsWith('@sandbox/adapter-')) return undefined;
  return rule.ours.some((allowed) => matches(allowed, target))
    ? undefined
    : `${packageName} may not import ${target}`;
}
