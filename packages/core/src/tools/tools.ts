import { SandboxError } from '../errors/sandbox-error.ts';

/** The package managers that tools can come from, in the order in which they are looked for. */
export const PACKAGE_MANAGERS = ['apt', 'apk', 'dnf'] as const;
export type PackageManager = (typeof PACKAGE_MANAGERS)[number];

/** What is asked for: the usual tools, none, or those of a list. */
export type ToolsInput = boolean | readonly string[];

export interface Tool {
  /** What is typed to use it: by these it is found where nothing can be installed. */
  readonly commands: readonly string[];
  /** Words such as `new|old` name packages of which the first one that there is gets installed. */
  readonly packages: Readonly<Record<PackageManager, readonly string[]>>;
}

const same = (...packages: string[]): Tool['packages'] => ({ apt: packages, apk: packages, dnf: packages });

/** The usual tools, by name. */
export const TOOLS: Readonly<Record<string, Tool>> = {
  curl: { commands: ['curl'], packages: same('curl') },
  wget: { commands: ['wget'], packages: same('wget') },
  git: { commands: ['git'], packages: same('git') },
  vim: { commands: ['vim'], packages: { apt: ['vim'], apk: ['vim'], dnf: ['vim-enhanced'] } },
  nano: { commands: ['nano'], packages: same('nano') },
  'build-essential': {
    commands: ['gcc', 'make'],
    packages: { apt: ['build-essential'], apk: ['build-base'], dnf: ['gcc', 'gcc-c++', 'make'] },
  },
  python3: {
    commands: ['python3', 'pip3'],
    packages: {
      apt: ['python3', 'python3-pip', 'python3-venv'],
      apk: ['python3', 'py3-pip'],
      dnf: ['python3', 'python3-pip'],
    },
  },
  nodejs: { commands: ['node', 'npm'], packages: same('nodejs', 'npm') },
  rust: {
    commands: ['rustc', 'cargo'],
    // Debian has a current compiler beside that of its release, which is too old for most of what is published.
    packages: { apt: ['rustc-web|rustc', 'cargo-web|cargo'], apk: ['rust', 'cargo'], dnf: ['rust', 'cargo'] },
  },
};

/** Names as package managers have them, and none that one of them would take for an option, a version, a group or a removal. */
export const TOOL_NAME = /^[A-Za-z0-9]([A-Za-z0-9+._-]{0,62}[A-Za-z0-9+])?$/;

/**
 * The names of the tools that are meant, each once and in order, so that the same wish is always the same list. A name that is not among `TOOLS` is that of a package.
 * `INVALID_ARGUMENT` for what is no name. Pure.
 */
export function toolNames(input: ToolsInput): readonly string[] {
  if (input === true) return Object.keys(TOOLS).sort();
  if (input === false) return [];
  const wrong: unknown = Array.isArray(input)
    ? input.find((name) => typeof name !== 'string' || !TOOL_NAME.test(name))
    : input;
  if (wrong === undefined) return [...new Set(input)].sort();
  throw new SandboxError('INVALID_ARGUMENT', `tools: ${JSON.stringify(wrong)} is no tool`, {
    operation: 'tools',
    hint: `Give true, false, or a list of names: ${Object.keys(TOOLS).join(', ')}, or packages of the image's distribution.`,
  });
}

/** What a tool is, or a package of that name. Pure. */
export function toolOf(name: string): Tool {
  return Object.hasOwn(TOOLS, name) ? (TOOLS[name] as Tool) : { commands: [name], packages: same(name) };
}
