import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startProgram } from './run-program.ts';

export interface ShellSetting {
  /** What `sandbox completion` printed. */
  readonly script: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** What a real shell offers for each line, which ends at the cursor. */
export type Ask = (lines: readonly string[], setting: ShellSetting) => Promise<string[][]>;

export const isInstalled = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

/** Runs a program that gets a script's path and reads lines, and for each of them prints what is offered and then an empty line. */
async function askWith(
  argv: (script: string) => readonly string[],
  lines: readonly string[],
  { script, cwd, env }: ShellSetting,
): Promise<string[][]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'completion-'));
  try {
    const file = path.join(directory, 'script');
    writeFileSync(file, script);
    const input = lines.map((line) => `${line}\n`).join('');
    const { stdout, stderr, exitCode } = await startProgram(argv(file), { cwd, env, input }).result;
    if (exitCode !== 0 || stderr !== '') throw new Error(`${argv('')[0]} ended with ${exitCode}: ${stderr}`);
    const answers = stdout
      .toString()
      .split(/(?<=^|\n)\n/)
      .slice(0, -1);
    return answers.map((answer) => [...new Set(answer.split('\n').filter(Boolean))].sort());
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Readline splits a line at these too. */
const wordsOf = (line: string): string[] =>
  line
    .split(/ +/)
    .flatMap((word) => word.split(/([=:])/))
    .filter((word, index, all) => word !== '' || index === all.length - 1);

const BASH = `
source "$0"
# It may be called by readline alone.
compopt() { :; }
while IFS=$'\\x1f' read -ra COMP_WORDS; do
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 2)) COMP_WORDS=("\${COMP_WORDS[@]:0:COMP_CWORD + 1}")
  _sandbox < /dev/null
  [[ \${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"
  echo
done
`;

/** Each word is followed by a separator, and the line by one more word, so that an empty last one is not lost. */
export const askBash: Ask = (lines, setting) =>
  askWith(
    (script) => ['bash', '--norc', '-c', BASH, script],
    lines.map((line) => `${wordsOf(line).join('\x1f')}\x1fend`),
    setting,
  );

const FISH = `
source $argv[1]
while read line
  complete -C $line < /dev/null | string replace -r '\\t.*' ''
  echo
end
`;

export const askFish: Ask = (lines, setting) =>
  askWith((script) => ['fish', '--no-config', '-c', FISH, script], lines, setting);

/** Only a shell that edits a line completes: one is started on a terminal of its own, and notes what it would add. */
const ZSH = `
zmodload zsh/zpty
export ASKED=$1.asked ANSWER=$1.answer
zpty z zsh -f -i
zpty -w z "stty rows 200 columns 200; LISTMAX=10000; autoload -Uz compinit; compinit -u -D; source \${(q)1}"
zpty -w z 'typeset -ga got; compadd() { local -a hit; [[ \${@[1,(i)(-|--)]} == *-[OAD]* ]] || { builtin compadd -O hit "$@"; got+=("\${hit[@]}") }; builtin compadd "$@" }'
zpty -w z 'ask() { got=(); BUFFER=$(<$ASKED); CURSOR=$#BUFFER; zle list-choices; print -rl -- "\${got[@]}" > $ANSWER; BUFFER=; print -r -- "<do""ne>" }'
zpty -w z 'zle -N ask; bindkey "^X" ask; print "<rea""dy>"'
while zpty -r z line && [[ $line != *'<ready>'* ]]; do :; done
while IFS= read -r asked; do
  print -rn -- "$asked" > $ASKED
  zpty -w -n z $'\\x18'
  while zpty -r z line && [[ $line != *'<done>'* ]]; do :; done
  [[ -s $ANSWER ]] && grep . $ANSWER
  print
done
zpty -d z
`;

export const askZsh: Ask = async (lines, setting) => {
  const answers = await askWith((script) => ['zsh', '-f', '-c', ZSH, 'zsh', script], lines, setting);
  // As a person would have to type them.
  return answers.map((offered) => offered.map((word) => word.replaceAll('\\', '')));
};
