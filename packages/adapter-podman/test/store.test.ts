import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lockFile } from '@sandbox/core';
import { takeStore } from '@sandbox/podman-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podmanIsHere } from './podman-here.ts';

const here = (await podmanIsHere()) && process.platform === 'linux';
const BASE = 'localhost/base:1';
const PROGRAMS = 4;
const ROUNDS = 6;

describe.runIf(here)('programs that change the images of one store', () => {
  const directory = join(tmpdir(), `sandbox-store-${process.pid}`);
  const [graph, run] = [join(directory, 'graph'), join(directory, 'run')];
  const configuration = join(directory, 'storage.conf');
  const env = { ...process.env, CONTAINERS_STORAGE_CONF: configuration };
  /** Podman on a store of its own: whatever breaks it, nobody else has it. */
  const podman = (...args: string[]) =>
    execFileSync('podman', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

  beforeAll(() => {
    mkdirSync(join(directory, 'root'), { recursive: true });
    writeFileSync(join(directory, 'root/base'), 'base');
    writeFileSync(
      configuration,
      `[storage]\ndriver = "overlay"\ngraphroot = "${graph}"\nrunroot = "${run}"\n`,
    );
    execFileSync('tar', [
      '--create',
      '--file',
      join(directory, 'base.tar'),
      '--directory',
      join(directory, 'root'),
      '.',
    ]);
    podman('import', join(directory, 'base.tar'), BASE);
  });
  afterAll(() => {
    // Its own way to remove a store takes what other stores have in /run/libpod with it.
    spawnSync('umount', [join(graph, 'overlay')]);
    rmSync(directory, { recursive: true, force: true });
  });

  async function program(own: string): Promise<string> {
    const path = fileURLToPath(new URL('./image-program.ts', import.meta.url));
    const child = spawn(process.execPath, [path, BASE, own, String(ROUNDS)], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return Buffer.concat(await child.stdout.toArray()).toString();
  }

  it('build and remove theirs at once, and nothing breaks', { timeout: 300_000 }, async () => {
    const said = Array.from({ length: PROGRAMS }, (_unused, index) => program(`own-${index}`));
    expect(await Promise.all(said)).toEqual(said.map(() => ''));
    expect(podman('image', 'ls', '--all', '--format', '{{.Repository}}:{{.Tag}}')).toBe(`${BASE}\n`);
  });
});

describe('the turn of a program', () => {
  const run = join(tmpdir(), `sandbox-turns-${process.pid}`);
  const file = join(run, 'sandbox-images.lock');
  beforeAll(() => mkdirSync(run));
  afterAll(() => rmSync(run, { recursive: true }));

  it('to remove an image is its own, to add one is everybody’s', async () => {
    const operation = 'test';
    const adding = [await takeStore(run, 'add', { operation }), await takeStore(run, 'add', { operation })];
    let isAlone = false;
    const removing = takeStore(run, 'remove', { operation }).then((done) => {
      isAlone = true;
      return done;
    });
    adding[0]?.();
    expect(lockFile(file)).toBeUndefined();
    expect(isAlone).toBe(false);
    adding[1]?.();
    (await removing)();
  });

  it('is waited for as long as the caller likes, who is told when that is long', async () => {
    const release = lockFile(file);
    const operation = 'images.build';
    const caller = new AbortController();
    const onWait = () => caller.abort();
    const turn = takeStore(run, 'add', { operation, signal: caller.signal, onWait });
    await expect(turn).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', operation });
    release?.();
  });

  it('is not waited for where there can be no lock', async () => {
    for (const place of [undefined, join(run, 'missing')])
      (await takeStore(place, 'remove', { operation: 'test' }))();
  });
});
