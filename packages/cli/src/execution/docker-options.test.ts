import { describe, expect, it } from 'vitest';
import { capturedIo } from '../../test/captured-io.ts';
import { createCli } from '../index.ts';
import { DOCKER_OPTIONS } from './docker-options.ts';

const cli = createCli({ adapters: [] });
const forms = DOCKER_OPTIONS.flatMap(([flags, instead]) =>
  flags.split(', ').map((flag) => [flag, instead] as const),
);

describe("docker's options that sandbox run does not have", () => {
  it.each(forms)('%s is refused, and our way is named', async (flag, instead) => {
    for (const words of [
      [flag],
      [flag, 'value'],
      [flag.startsWith('--') ? `${flag}=value` : `${flag}value`],
    ]) {
      const io = capturedIo();
      const exitCode = await cli.run(['run', ...words, '--', 'true'], io);
      expect({ exitCode, out: io.out() }).toEqual({ exitCode: 2, out: '' });
      expect(io.err()).toContain(`hint: ${instead}`);
    }
  });

  it('does not show them in the help', async () => {
    const io = capturedIo();
    await cli.run(['run', '--help'], io);
    for (const [flags] of DOCKER_OPTIONS) {
      for (const flag of flags.split(', ')) expect(io.out()).not.toMatch(new RegExp(`^ +${flag}[ ,]`, 'm'));
    }
  });

  it('finds them among joined short options', async () => {
    const io = capturedIo();
    expect(await cli.run(['run', '-itv', '/a:/b', 'true'], io)).toBe(2);
    expect(io.err()).toContain('--workspace DIR');
  });

  it("leaves the command's own options alone", async () => {
    const io = capturedIo();
    // There is no adapter to run it on: what matters is that the options were not taken for ours.
    await cli.run(['run', 'ls', '-v', '--privileged', '--json'], io);
    expect(io.err()).not.toContain('there is no option');
    expect(io.out()).toBe('');
  });
});
