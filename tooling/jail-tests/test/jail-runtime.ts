import type { RuntimeAdapter } from '@sandbox/core';
import { ownScope } from '@sandbox/testbed/own-scope';

/** What a test may say to an adapter. */
export interface JailOptions {
  readonly binary?: string;
  readonly stateDirectory?: string;
  readonly cgroupParent?: string;
}

/** A runtime without a daemon, and what is particular about it. */
export interface JailRuntime {
  readonly runtime: string;
  /** Where its adapter's module is, as a URL, and the name of the factory in it: for programs of their own. */
  readonly module: string;
  readonly factory: string;
  createAdapter(options?: JailOptions): RuntimeAdapter;
  /** Puts its program where an ordinary user can reach it. Left out where it is installed. */
  copyProgram?(directory: string): void;
  /** Of the remedy where the program is missing. */
  readonly remedy: string;
  /** Whether an ordinary user's changes of an unpacked root are kept. */
  readonly keepsDirectories: boolean;
  /** What a guest would like its report to say: that it ended with 0. */
  readonly forged: string;
  /** Of what it says on a host without user namespaces. */
  readonly withoutUserNamespaces: string;
}

let taken: JailRuntime | undefined;

/** vitest runs each test file in a process of its own. */
export function take(runtime: JailRuntime): void {
  taken = runtime;
}

export function jailRuntime(): JailRuntime {
  if (taken === undefined) throw new Error('no runtime was taken');
  return taken;
}

const named = (process.env.SANDBOX_RUNTIMES ?? '').split(/[\s,]+/).filter(Boolean);

/** Whether these tests run: it is here, or SANDBOX_RUNTIMES names it, so that its absence is a failure. Named without it: they do not. */
export async function isHere({ runtime, createAdapter }: JailRuntime): Promise<boolean> {
  if (named.length > 0) return named.includes(runtime);
  const adapter = createAdapter();
  try {
    return (await adapter.probe()).status === 'healthy';
  } finally {
    await adapter.close();
  }
}

const scopes: Record<string, string> = {};

/** The label of everything that these tests make. */
export function scopeOf({ runtime }: JailRuntime): string {
  scopes[runtime] ??= ownScope(runtime);
  return scopes[runtime];
}
