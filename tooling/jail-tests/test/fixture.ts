import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RuntimeAdapter } from '@sandbox/core';
import { onTestFinished } from 'vitest';
import { type JailRuntime, jailRuntime, scopeOf } from './jail-runtime.ts';
import { specOf } from './jails.ts';

/** Who runs this process, and an adapter for them: asked after `becomeOrdinaryUser`, by tests that were imported before. */
export function whoRuns(): {
  readonly isRoot: boolean;
  readonly adapter: RuntimeAdapter;
  readonly who: string;
  readonly tested: JailRuntime;
  readonly scope: string;
} {
  const isRoot = process.getuid?.() === 0;
  const tested = jailRuntime();
  const who = isRoot ? 'root' : 'an ordinary user';
  return { isRoot, adapter: theAdapter(), who, tested, scope: scopeOf(tested) };
}

let made: RuntimeAdapter | undefined;
function theAdapter(): RuntimeAdapter {
  made ??= jailRuntime().createAdapter();
  return made;
}

export function canRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Gone with the test. */
export function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'jail-test-'));
  chmodSync(path, 0o755);
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The name of a long-lived sandbox that runs, gone with the test. */
export async function running(overrides: Parameters<typeof specOf>[1] = {}) {
  const spec = specOf(['/bin/sh'], { lifecycle: 'long-lived', ...overrides });
  onTestFinished(() => theAdapter().remove(spec.name, { volumes: true }));
  await theAdapter().create(spec);
  await theAdapter().start(spec.name);
  return spec.name;
}
