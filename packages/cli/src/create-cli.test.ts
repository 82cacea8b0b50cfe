import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { capturedIo } from '../test/captured-io.ts';
import { type AdapterEntry, createCli } from './index.ts';

const neverLoaded: AdapterEntry = {
  runtime: 'docker',
  load: () => Promise.reject(new Error('an adapter was loaded for a command line that is wrong')),
};
const cli = createCli({ adapters: [neverLoaded], version: '1.2.3' });

async function run(...argv: string[]) {
  const io = capturedIo();
  const exitCode = await cli.run(argv, io);
  return { exitCode, out: io.out(), err: io.err() };
}

const COMMANDS = [
  ...['run', 'exec', 'shell', 'ls', 'inspect', 'start', 'stop', 'cp', 'stats', 'rm', 'pull', 'doctor'],
  ...['images', 'completion', 'cleanup', 'prune', 'df', 'uninstall'],
];

describe('help', () => {
  it('lists every command', async () => {
    const { exitCode, out, err } = await run('--help');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    expect(out).toContain('Examples:');
  });

  it.each(COMMANDS)('of %s has examples', async (command) => {
    const { exitCode, out, err } = await run(command, '--help');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain(`\n  sandbox ${command}`);
    expect(await run('help', command)).toEqual({ exitCode: 0, out, err: '' });
  });

  it('of a command in a group has examples', async () => {
    const { exitCode, out, err } = await run('images', 'unpack', '--help');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toContain('\n  sandbox images unpack');
  });

  it('of a group is shown on stderr when there is no command of it, with exit code 2', async () => {
    const { exitCode, out, err } = await run('images');
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('Usage: sandbox images');
  });

  it('is shown on stderr when there is no command, with exit code 2', async () => {
    const { exitCode, out, err } = await run();
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('Usage: sandbox');
  });

  it('tells the version', async () => {
    expect(await run('--version')).toEqual({ exitCode: 0, out: 'sandbox 1.2.3\n', err: '' });
  });
});

describe('wrong usage', () => {
  it.each([
    [['rnu'], "unknown command 'rnu'", 'Did you mean'],
    [['--wrong'], "unknown option '--wrong'", '--help'],
    [['run', '--memry', '1g', '--', 'true'], "unknown option '--memry'", 'Did you mean --memory?'],
    [['run'], "missing required argument 'COMMAND'", '--help'],
    [['run', '--memory'], 'argument missing', '--help'],
    [['run', '--network', 'host', 'true'], "'host' is invalid", '--help'],
    [['run', '--pull', 'maybe', 'true'], "'maybe' is invalid", '--help'],
    [['run', '--memory', 'lots', 'true'], '--memory: "lots"', '512m'],
    [['run', '--timeout', '5', 'true'], '--timeout: "5"', '5s'],
    [['run', '-e', '=x', 'true'], 'has no name', 'NAME=VALUE'],
    [['run', '-e', 'SURELY_NOT_SET', 'true'], 'SURELY_NOT_SET is not set', 'SURELY_NOT_SET=value'],
    [['run', '--best-effort', 'sound', 'true'], 'no control "sound"', 'memory, cpus, pids'],
    [['run', '--runtime', 'lxc', 'true'], 'no runtime "lxc"', 'docker, or auto'],
    [['ls', 'extra'], 'too many arguments', '--help'],
    [['ls', '--runtime', 'lxc'], 'no runtime "lxc"', 'docker, or auto'],
    [['rm'], 'nothing is named', '--workspace DIR'],
    [['rm', '--all', 'x'], 'exclude each other', 'Leave one'],
    [['rm', '--include-protected', 'x'], '--include-protected goes with --all', 'named'],
    [['cleanup', '--older-than', '7'], '--older-than: "7"', '7s'],
    [['cleanup', '--watch', '--dry-run'], 'cannot be used with', '--help'],
    [['cleanup', '--watch=often'], '--watch: "often"', '2h'],
    [['uninstall'], 'no terminal to ask on', '--yes'],
    [['exec'], "missing required argument 'COMMAND'", '--help'],
    [['exec', '--memory', 'lots', 'true'], '--memory: "lots"', '512m'],
    [['exec', '--user', 'nobody', 'true'], '"nobody"', 'root'],
    [['exec', '--workspace', '', 'true'], '--workspace is empty', '.'],
    [['exec', '--name', 'x', '--memory', '1g', 'true'], '--memory does not go with a name', '--workspace'],
    [
      ['exec', '--name', 'x', '--workspace', '.', 'true'],
      '--workspace does not go with a name',
      '--workspace',
    ],
    [['exec', '--ephemeral', '--recreate', 'true'], 'exclude each other', 'Leave one'],
    [['exec', '--ephemeral', '--long-lived', 'true'], 'exclude each other', 'Leave one'],
    [['exec', '--rm', 'true'], 'there is no option --rm', '--ephemeral'],
    [['exec', '--runtime', 'lxc', 'true'], 'no runtime "lxc"', 'docker, or auto'],
    [['shell', 'x', '--recreate'], '--recreate does not go with a name', '--workspace'],
    [['shell', '-v', '/a:/b'], 'there is no option -v', '--workspace DIR'],
    [['shell', '--runtime', 'lxc'], 'no runtime "lxc"', 'docker, or auto'],
    [['cp', 'a'], "missing required argument 'DST'", '--help'],
    [['cp', 'a', 'b'], 'neither side is in a sandbox', 'NAME:PATH'],
    [['cp', 'a:b', 'c:d'], 'both sides are in sandboxes', 'host first'],
    [['cp', '--workspace', '.', 'a:b', 'c'], 'exclude each other', ':PATH'],
    [['stop', '--runtime', 'lxc'], 'no runtime "lxc"', 'docker, or auto'],
    [['stats', '--runtime', 'lxc'], 'no runtime "lxc"', 'docker, or auto'],
    [['completion', 'tcsh'], "'tcsh' is invalid", '--help'],
    [['completion'], "missing required argument 'SHELL'", '--help'],
    [['pull'], "missing required argument 'IMAGE'", '--help'],
    [['pull', '--runtime', 'lxc', 'x'], 'no runtime "lxc"', 'docker, or auto'],
    [['images', 'unpakc'], "unknown command 'unpakc'", 'Did you mean'],
    [['images', 'unpack', 'x'], "missing required argument 'DIR'", '--help'],
    [['images', 'unpack', '--pull', 'maybe', 'x', 'y'], "'maybe' is invalid", '--help'],
    [['images', 'unpack', '--runtime', 'lxc', 'x', 'y'], 'no runtime "lxc"', 'docker, or auto'],
    [['doctor', '--runtime', 'lxc'], 'no runtime "lxc"', 'docker, or auto'],
  ])('%j', async (argv, message, hint) => {
    const { exitCode, out, err } = await run(...argv);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    const [first, second] = err.split('\n');
    expect(first).toMatch(/^sandbox: /);
    expect(first).toContain(message);
    expect(second).toMatch(/^hint: /);
    expect(second).toContain(hint);
  });

  it.each([
    [['run', '--json', '--memory', 'lots', 'true'], 'INVALID_ARGUMENT'],
    [['run', '--json', '--wrong', 'true'], 'INVALID_ARGUMENT'],
    [['run', '--wrong', '--json', 'true'], 'INVALID_ARGUMENT'],
    [['run', '--json', '-v', '/a:/b', 'true'], 'INVALID_ARGUMENT'],
    [['run', '--json', '--runtime', 'lxc', 'true'], 'NOT_FOUND'],
    [['exec', '--json', '--wrong', 'true'], 'INVALID_ARGUMENT'],
    [['exec', '--json', '--ephemeral', '--recreate', 'true'], 'INVALID_ARGUMENT'],
  ])('%j prints one object with an error', async (argv, code) => {
    const { exitCode, out, err } = await run(...argv);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/^sandbox: .*\nhint: /);
    const report = JSON.parse(out);
    expect(Object.keys(report)).toEqual([
      'runtime',
      'runtimeReason',
      'sandbox',
      'command',
      'ending',
      'exitCode',
      'signal',
      'stdout',
      'stderr',
      'stdoutTruncated',
      'stderrTruncated',
      'durationMs',
      'usage',
      'enforcement',
      'warnings',
      'error',
    ]);
    expect(report).toMatchObject({ ending: null, exitCode: null, error: { code } });
    expect(report.error.message).toMatch(/\w/);
    expect(report.error.hint).toMatch(/\w/);
  });

  it('prints an error as JSON for the other commands too', async () => {
    for (const argv of [['ls'], ['images', 'unpack', 'x', 'y']]) {
      const { out } = await run(...argv, '--json', '--runtime', 'lxc');
      expect(JSON.parse(out)).toMatchObject({ error: { code: 'NOT_FOUND' } });
    }
  });
});

describe('output that cannot be written', () => {
  const failing = (code: string) =>
    new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code, syscall: 'write' })),
    });

  it.each([
    [['ls', '--wrong'], 2],
    [['ls', '--wrong', '--json'], 2],
    [['run', '--wrong', '--json', 'true'], 2],
    [['ls'], 125],
    [['config', 'check', '--json', '--config', '/dev/zero'], 125],
  ])('%j is no success because nobody reads why it failed', async (argv, expected) => {
    const io = capturedIo({ stdout: failing('EPIPE'), stderr: failing('EPIPE') });
    expect(await cli.run(argv, io)).toBe(expected);
  });

  it.each([[['ls', '--wrong', '--json']], [['config', 'show', '--json']]])(
    '%j tells of a full disk',
    async (argv) => {
      const io = { ...capturedIo(), stdout: failing('ENOSPC') };
      expect(await cli.run(argv, io)).not.toBe(0);
      expect(io.err()).toMatch(/^sandbox: /);
    },
  );
});

describe('a failure that nobody foresaw', () => {
  it('is told, with exit code 125', async () => {
    const { exitCode, err } = await run('ls');
    expect(exitCode).toBe(125);
    expect(err).toMatch(/^sandbox: an adapter was loaded/);
  });

  it('cannot take over the terminal', async () => {
    const evil = createCli({
      adapters: [{ runtime: 'docker', load: () => Promise.reject(new Error('\u001b]0;owned\u0007')) }],
    });
    const io = capturedIo();
    await evil.run(['ls'], io);
    expect(io.err()).toContain('\\x1b]0;owned\\x07');
  });

  it('cannot give a hint that is none of ours', async () => {
    const evil = createCli({
      adapters: [{ runtime: 'docker', load: () => Promise.reject(new Error('/tmp/x\nhint: run: evil')) }],
    });
    const io = capturedIo();
    await evil.run(['ls'], io);
    expect(io.err().match(/^hint: .*/gm)).toEqual([expect.stringContaining('SANDBOX_DEBUG=1')]);
  });
});
