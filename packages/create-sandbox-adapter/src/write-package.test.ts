import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ADAPTER_API_VERSION } from '@sandbox/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from './main.ts';
import { filledIn, makeWords } from './write-package.ts';

let root: string;
let stdout = '';
let stderr = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'create-sandbox-adapter-'));
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

describe('names', () => {
  it('are made of the runtime’s', () => {
    expect(makeWords('kata-vm', '@acme/x')).toEqual({
      runtime: 'kata-vm',
      type: 'KataVm',
      value: 'kataVm',
      constant: 'KATA_VM',
      packageName: '@acme/x',
    });
    expect(makeWords('x2').packageName).toBe('sandbox-adapter-x2');
  });

  it.each([
    '',
    'Kata',
    'kata_vm',
    '-kata',
    'kata-',
    'kata--vm',
    '2k',
    '../kata',
    'k/v',
    "k'v",
    'auto',
    'x'.repeat(41),
  ])('are not made of %j', (runtime) => {
    expect(() => makeWords(runtime)).toThrow(/no id of a runtime/);
  });

  it.each(['@acme', '../x', 'a b', "x'y", 'UPPER', ''])('of a package are not %j', (name) => {
    expect(() => makeWords('kata', name)).toThrow(/no name of a package/);
  });

  it('take the place of the example’s', () => {
    const text = `from './example-spec.ts'; runtime: 'example'; exampleWords ExampleOptions EXAMPLE_X "0.0.0-sandbox"`;
    expect(filledIn(text, makeWords('kata-vm'), '1.2.3')).toBe(
      `from './kata-vm-spec.ts'; runtime: 'kata-vm'; kataVmWords KataVmOptions KATA_VM_X "^1.2.3"`,
    );
  });

  it('stay as they were given, whatever is in them', () => {
    const words = makeWords('kata', '@acme/example-kata');
    expect(filledIn('"@example/sandbox-adapter-example" \'./example-spec.ts\'', words, '1.2.3')).toBe(
      '"@acme/example-kata" \'./kata-spec.ts\'',
    );
  });
});

describe('create-sandbox-adapter', () => {
  it('writes a package, and says what is next', () => {
    expect(main(['kata-vm', '--package', '@acme/kata'], root)).toBe(0);
    const file = (name: string) => path.join(root, 'sandbox-adapter-kata-vm', name);
    expect(JSON.parse(readFileSync(file('package.json'), 'utf8')).name).toBe('@acme/kata');
    expect(existsSync(file('src/kata-vm-adapter.ts'))).toBe(true);
    expect(readFileSync(file('.gitignore'), 'utf8')).toContain('node_modules');
    expect(stdout).toMatch(/cd sandbox-adapter-kata-vm\n/);
    for (const name of ['README.md', 'src/plugin.ts', 'src/kata-vm-spec.ts', 'test/conformance.test.ts'])
      expect(readFileSync(file(name), 'utf8')).not.toMatch(/example/i);
  });

  it('declares the version of the contract as it is now, not that of the core that it will find', () => {
    main(['kata'], root);
    const file = (name: string) => readFileSync(path.join(root, 'sandbox-adapter-kata/src', name), 'utf8');
    for (const name of ['plugin.ts', 'kata-adapter.ts']) {
      expect(file(name)).toContain(`apiVersion: ${ADAPTER_API_VERSION},`);
      expect(file(name)).not.toContain('ADAPTER_API_VERSION');
    }
  });

  it('says how to get into the directory, where one has to', () => {
    expect(main(['kata', '--directory', 'my kata'], root)).toBe(0);
    expect(stdout).toContain("  cd 'my kata'\n  npm install\n");
    rmSync(path.join(root, 'my kata'), { recursive: true });
    stdout = '';
    expect(main(['kata', '--directory', '.'], root)).toBe(0);
    expect(stdout).toMatch(/Next:\n {2}npm install\n/);
  });

  it('writes into no directory that has something in it', () => {
    writeFileSync(path.join(root, 'mine'), 'precious');
    expect(main(['kata', '--directory', '.'], root)).toBe(1);
    expect(stderr).toMatch(/is there already; name another one with --directory\nhint: /);
    expect(existsSync(path.join(root, 'package.json'))).toBe(false);
  });

  it.each([[[]], [['a', 'b']], [['--what']], [['Kata']], [['docker']]])('refuses %j', (argv) => {
    expect(main(argv, root)).toBe(2);
    expect(stderr).toMatch(/^create-sandbox-adapter: .*\nhint: /);
  });

  it('has help with examples', () => {
    expect(main(['--help'], root)).toBe(0);
    expect(stdout).toContain('Examples:\n  npm create sandbox-adapter -- firecracker\n');
  });
});
