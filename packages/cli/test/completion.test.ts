import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, askBash, askFish, askZsh, isInstalled } from './ask-shells.ts';
import { startProgram } from './run-program.ts';

const program = fileURLToPath(new URL('program.ts', import.meta.url));
let base: string;
let cwd: string;
let env: NodeJS.ProcessEnv;
let name: string;

const sandbox = (...words: string[]) =>
  startProgram([process.execPath, program, ...words], { env, cwd, input: '' }).result;

beforeAll(async () => {
  base = mkdtempSync(path.join(tmpdir(), 'completion-'));
  chmodSync(base, 0o755);
  cwd = path.join(base, 'cwd');
  mkdirSync(path.join(cwd, 'subdirectory'), { recursive: true });
  writeFileSync(path.join(cwd, 'some file'), '');
  const bin = path.join(base, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'sandbox'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, {
    mode: 0o755,
  });
  const home = path.join(base, 'home');
  mkdirSync(home);
  env = {
    ...{ PATH: `${bin}:${process.env.PATH}`, HOME: home, TERM: 'xterm', LANG: 'C.UTF-8' },
    ...{ REFERENCE_DIRECTORY: path.join(base, 'sandboxes'), XDG_CONFIG_HOME: home, XDG_DATA_HOME: home },
    ...{ SANDBOX_STATE_DIR: path.join(base, 'state'), XDG_STATE_HOME: path.join(base, 'state') },
  };
  const workspace = ['--workspace', path.join(cwd, 'subdirectory'), '--workspace-access', 'none'];
  const { stdout } = await sandbox('exec', '--json', ...workspace, '--', 'true');
  name = JSON.parse(stdout.toString()).sandbox;
});
afterAll(async () => {
  await sandbox('rm', '-f', name);
  rmSync(base, { recursive: true, force: true });
});

interface Row {
  readonly line: string;
  /** All that is offered; `NAME` stands for the sandbox that there is. */
  readonly exactly?: readonly string[];
  readonly some?: readonly string[];
  readonly never?: readonly string[];
}

const FILES = ['some file', 'subdirectory/'];
const ROWS: readonly Row[] = [
  { line: 'sandbox ex', exactly: ['exec'] },
  { line: 'sandbox ', some: ['run', 'exec', 'shell', 'ls', 'completion', 'help'], never: ['--json'] },
  { line: 'sandbox run --net', exactly: ['--network'] },
  { line: 'sandbox run --network ', exactly: ['full', 'none'] },
  { line: 'sandbox exec --runtime ', exactly: ['auto', 'reference'] },
  { line: 'sandbox run -', some: ['--memory', '--json'], never: ['--recreate', '--publish', '--volume'] },
  { line: 'sandbox exec --recreate -m 1g --eph', exactly: ['--ephemeral'] },
  { line: 'sandbox exec -e A=b --js', exactly: ['--json'] },
  { line: 'sandbox exec --name ', exactly: ['NAME'] },
  { line: 'sandbox inspect sand', exactly: ['NAME'] },
  { line: 'sandbox stop --json ', exactly: ['NAME'] },
  { line: 'sandbox stop x ', exactly: ['NAME'] },
  { line: 'sandbox inspect x ', never: ['NAME'] },
  { line: 'sandbox stop --workspace ', exactly: ['subdirectory/'] },
  { line: 'sandbox run --env-file ', exactly: FILES },
  { line: 'sandbox cp ', exactly: ['NAME:', ...FILES] },
  { line: `sandbox cp box:/et`, exactly: [] },
  { line: 'sandbox run -- ls --js', exactly: [] },
  { line: 'sandbox run ls --js', exactly: [] },
  { line: 'sandbox exec -- ls ', exactly: FILES },
  { line: 'sandbox exec -- mkd', some: ['mkdir'] },
  { line: 'sandbox completion ', exactly: ['bash', 'fish', 'zsh'] },
  { line: 'sandbox help sh', exactly: ['shell'] },
  { line: 'sandbox pull ', exactly: [] },
];

/** A directory's slash is added by some shells only once it is chosen, as is the colon after a name. */
const plain = (words: readonly string[]) => words.map((word) => word.replace(/[/:]$/, '')).sort();

describe.each<[shell: string, ask: Ask]>([
  ['bash', askBash],
  ['zsh', askZsh],
  ['fish', askFish],
])('%s', (shell, ask) => {
  const isHere = isInstalled(shell);
  let answers: string[][] = [];
  beforeAll(async () => {
    const script = (await sandbox('completion', shell)).stdout.toString();
    if (isHere)
      answers = await ask(
        ROWS.map(({ line }) => line),
        { script, cwd, env },
      );
  });

  it.for(ROWS.map((row, index) => ({ ...row, index })))('$line', (row, { skip }) => {
    skip(!isHere, `${shell} is not installed here`);
    const { index, exactly, some = [], never = [] } = row;
    const named = (words: readonly string[]) => words.map((word) => word.replace('NAME', name));
    const offered = plain(answers[index] ?? []);
    if (exactly) expect(offered).toEqual(plain(named(exactly)));
    expect(offered).toEqual(expect.arrayContaining([...some]));
    for (const word of named(never)) expect(offered).not.toContain(word);
  });
});
