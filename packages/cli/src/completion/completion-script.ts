import type { Command } from 'commander';
import { bashScript } from './bash.ts';
import { commandModel } from './command-model.ts';
import { fishScript } from './fish.ts';
import { zshScript } from './zsh.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** Of all that a program declares, for one shell. */
export function completionScript(shell: Shell, program: Command, runtimes: readonly string[]): string {
  return SCRIPTS[shell](program.name(), commandModel(program, runtimes));
}
