import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, it } from 'vitest';
import { bin, dockerIsNamed, left, startOnTerminal } from './app.ts';

/** `script` of util-linux gives a program a real terminal; macOS has another one of that name. */
const hasScript = spawnSync('script', ['--version']).stdout?.toString().includes('util-linux') ?? false;

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
const sandboxRun = (words: readonly string[]) =>
  [process.execPath, bin, 'run', '--runtime', 'docker', ...words].map(quoted).join(' ');

/** A shell line on a terminal of 100 columns and 40 rows; what is typed is written to its stdin. */
const onTerminal = (line: string) =>
  startOnTerminal(`stty rows 40 cols 100; ${line}`, { env: { TERM: 'xterm' } });

const CTRL_C = '\u0003';

describe.skipIf(!dockerIsNamed || !hasScript)('on a terminal', () => {
  afterAll(async () => {
    expect(await left()).toEqual([]);
  });

  const trap = "trap 'echo got INT; exit 5' INT; echo ready; while :; do sleep 0.05; done";

  it('Ctrl-C reaches the command', async () => {
    const app = onTerminal(`${sandboxRun(['--', 'sh', '-c', trap])}; echo "exit $?"`);
    await app.shows('ready');
    app.child.stdin?.write(CTRL_C);
    expect(await app.shows('exit 5')).toContain('got INT');
    app.child.stdin?.end();
    await app.result;
  });

  it('a second Ctrl-C kills a command that ignores the first', async () => {
    const stubborn = "trap 'echo no' INT; echo ready; while :; do sleep 0.05; done";
    const app = onTerminal(`${sandboxRun(['--', 'sh', '-c', stubborn])}; echo "exit $?"`);
    await app.shows('ready');
    app.child.stdin?.write(CTRL_C);
    await app.shows('no\r\n');
    await new Promise((resolve) => setTimeout(resolve, 150));
    app.child.stdin?.write(CTRL_C);
    await app.shows('exit 137');
    app.child.stdin?.end();
    await app.result;
  });

  it('--tty gives the command a terminal of our size, and typed keys', async () => {
    const command =
      'test -t 0 && test -t 1 && test -t 2 && stty size; echo ready; read line; echo "read <$line>"';
    const app = onTerminal(`${sandboxRun(['--tty', '--', 'sh', '-c', command])}; echo "exit $?"`);
    expect(await app.shows('ready')).toContain('40 100');
    app.child.stdin?.write('typed\r');
    const shown = await app.shows('exit 0');
    expect(shown).toContain('read <typed>');
    // Echoed once, by the command's terminal, and not by ours as well.
    expect(shown.match(/typed/g)).toHaveLength(2);
    app.child.stdin?.end();
    await app.result;
  });

  it('--tty passes Ctrl-C through as a key, and the size when it changes', async () => {
    const command = `trap 'echo got INT' INT; trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done`;
    const line = sandboxRun(['-t', '--', 'bash', '-c', command]);
    const app = onTerminal(`tty; sh -c 'echo pid=$$; exec "$0" "$@"' ${line}; echo "exit $?"`);
    const shown = await app.shows('ready');
    const terminal = /\/dev\/pts\/\d+/.exec(shown)?.[0] ?? '';
    app.child.stdin?.write(CTRL_C);
    await app.shows('got INT');
    spawnSync('stty', ['-F', terminal, 'rows', '33', 'cols', '77']);
    await app.shows('33 77\r\n');
    process.kill(Number(/pid=(\d+)/.exec(shown)?.[1]), 'SIGTERM');
    await app.shows('exit ');
    app.child.stdin?.end();
    await app.result;
  });

  it.each([
    ['the command ends', 'exit 0', undefined],
    ['the command is killed', 'kill -KILL $$', undefined],
    ['we are told to end', 'echo ready; exec sleep 60', 'SIGTERM'],
  ])('the terminal is given back when %s', async (_when, command, signal) => {
    const line = sandboxRun(['--tty', '--', 'sh', '-c', command]);
    const app = onTerminal(
      `stty -g | sed 's/^/before=/'; ${line} & echo "pid=$!"; fg >/dev/null 2>&1 || wait $!; echo; stty -g | sed 's/^/after=/'`,
    );
    if (signal !== undefined) {
      const pid = Number(/pid=(\d+)/.exec(await app.shows('ready'))?.[1]);
      process.kill(pid, signal);
    }
    const shown = await app.shows('after=');
    app.child.stdin?.end();
    const { stdout } = await app.result;
    const settings = (name: string) => new RegExp(`${name}=([0-9a-f:]+)`).exec(stdout.toString())?.[1];
    expect(settings('after'), shown).toBe(settings('before'));
  });
});
