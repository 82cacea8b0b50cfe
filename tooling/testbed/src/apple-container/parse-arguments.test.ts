import { describe, expect, it } from 'vitest';
import { CliFailure } from './failure.ts';
import { parseArguments } from './parse-arguments.ts';

const values = (...argv: string[]) => {
  const parsed = parseArguments(argv);
  return 'shown' in parsed ? parsed : parsed.values;
};
const refusal = (...argv: string[]) => {
  try {
    return parseArguments(argv);
  } catch (error) {
    return error instanceof CliFailure ? [error.exitCode, error.message] : error;
  }
};

describe('parseArguments', () => {
  it('takes a value beside its option or behind an equal sign, whatever is in it', () => {
    expect(values('run', '-e', 'A=1', '--env=B==-x', '-u=1000', 'alpine')).toMatchObject({
      'processFlags.env': ['A=1', 'B==-x'],
      'processFlags.user': '1000',
    });
    expect(refusal('run', '--name', '-x', 'alpine')).toEqual([
      64,
      "Error: Missing value for '--name <name>'",
    ]);
    expect(values('run', '--name=-x', 'alpine')).toMatchObject({ 'managementFlags.name': '-x' });
  });

  it('knows clusters of flags, and no joined values', () => {
    expect(values('run', '-itv', '/a:/b', 'alpine')).toMatchObject({
      'processFlags.tty': true,
      'managementFlags.volumes': ['/a:/b'],
    });
    for (const word of ['-eA=1', '-n10', '-v/a:/b', '-t5'])
      expect(refusal('run', word, 'alpine')).toEqual([
        64,
        expect.stringMatching(/^Error: Unknown option '-/),
      ]);
  });

  it('gives everything after the image to the process, and takes a -- only before', () => {
    expect(values('run', '--', 'alpine', '-la')).toMatchObject({ image: 'alpine', arguments: ['-la'] });
    expect(values('run', 'alpine', '--', 'ls')).toMatchObject({ arguments: ['--', 'ls'] });
    expect(values('exec', 'box1', '-it', 'sh')).toMatchObject({ arguments: ['-it', 'sh'] });
  });

  it('mixes options and words elsewhere', () => {
    expect(values('stop', 'c1', '-t', '5')).toEqual({ containerIds: ['c1'], time: 5 });
    expect(values('rm', '-f', 'c1')).toEqual({ containerIds: ['c1'], force: true });
  });

  it('shows help, and does nothing, for what another engine takes for a host name', () => {
    expect(values('run', '-h', 'alpine')).toEqual({ shown: 'help', command: 'run' });
    expect(values('image')).toEqual({ shown: 'help', command: 'image' });
  });

  it('knows --debug only where the root command sees it', () => {
    expect(values('stop', '--debug', 'c1')).toMatchObject({ 'logOptions.debug': true });
    expect(refusal('run', '--debug', 'alpine')).toEqual([
      64,
      "Error: Unknown option '--debug'. Did you mean '--debug'?",
    ]);
  });

  it.each([
    [['run', '--cpus', '1.5', 'alpine'], "The value '1.5' is invalid for '--cpus <cpus>'"],
    [
      ['list', '--format', 'xml'],
      "The value 'xml' is invalid for '--format <format>'. Please provide one of 'json', 'table', 'yaml' or 'toml'.",
    ],
    [['run', '---x', 'alpine'], 'Invalid option: ---x'],
    [['start', 'a', 'b'], "Unexpected argument 'b'"],
    [['system', 'info'], "Unexpected argument 'info'"],
    [['image', 'history', 'alpine'], "2 unexpected arguments: 'history', 'alpine'"],
    [['run', '--userns', 'host', 'alpine'], "Unknown option '--userns'. Did you mean '--user'?"],
  ])('refuses %j', (argv, message) => {
    expect(refusal(...argv)).toEqual([64, `Error: ${message}`]);
  });
});
