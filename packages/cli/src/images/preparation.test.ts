import { EventEmitter, once } from 'node:events';
import { type ImageInfo, type ImageStore, SandboxError } from '@sandbox/core';
import { expect, test, vi } from 'vitest';
import { ImagePreparation, type PreparationOptions } from './preparation.ts';

const image = (name: string) => ({ image: name, languages: [], built: undefined });
const info: ImageInfo = { id: 'sha256:1', tags: [], sizeBytes: 1, labels: {} };

/** A registry whose pulls last until they are let go of, and fail as often as they are told to. */
function registry(here: readonly string[] = [], failures = 0) {
  const known = new Set(here);
  const pulls = new EventEmitter();
  const under = new Map<string, () => void>();
  let left = failures;
  const store = {
    async inspect(name: string) {
      if (known.has(name)) return info;
      throw new SandboxError('NOT_FOUND', name, { operation: 'images.inspect' });
    },
    async pull(name: string) {
      await new Promise<void>((resolve) => {
        under.set(name, resolve);
        pulls.emit(name);
      });
      left -= 1;
      if (left >= 0) throw new SandboxError('UNAVAILABLE', 'no registry');
      known.add(name);
      return info;
    },
  };
  /** Waits until it is pulled. */
  const begun = async (name: string) => void (under.has(name) || (await once(pulls, name)));
  /** … and lets the pull end. */
  async function end(name: string) {
    await begun(name);
    under.get(name)?.();
    under.delete(name);
  }
  return { store: async () => store as unknown as ImageStore, begun, end };
}

function preparing(
  names: readonly string[],
  given: ReturnType<typeof registry>,
  more: Partial<PreparationOptions> = {},
) {
  const failures: string[] = [];
  const preparation = new ImagePreparation(names.map(image), {
    store: given.store,
    options: {},
    onFailure: (_error, name) => failures.push(name),
    ...more,
  });
  return { preparation, failures };
}

test('two are made at a time, the others wait, and what is here is ready', async () => {
  const given = registry(['b']);
  const { preparation } = preparing(['a', 'b', 'c', 'd'], given);
  expect(preparation.states).toEqual({ a: 'missing', b: 'missing', c: 'missing', d: 'missing' });
  const ended = preparation.once(new AbortController().signal);
  await given.begun('c');
  expect(preparation.states).toEqual({ a: 'pulling', b: 'ready', c: 'pulling', d: 'missing' });
  await given.end('c');
  await given.begun('d');
  expect(preparation.states).toEqual({ a: 'pulling', b: 'ready', c: 'ready', d: 'pulling' });
  await given.end('a');
  await given.end('d');
  await ended;
  expect(Object.values(preparation.states)).toEqual(['ready', 'ready', 'ready', 'ready']);
});

test('what fails is told of, and tried again, later and later', async () => {
  const given = registry([], 8);
  const waits: number[] = [];
  const seen = new Set<string | undefined>();
  const { preparation, failures } = preparing(['a'], given, {
    async wait(ms) {
      waits.push(ms);
      seen.add(preparation.states.a);
    },
  });
  const ended = preparation.untilReady(new AbortController().signal);
  for (let attempt = 0; attempt < 9; attempt += 1) await given.end('a');
  await ended;
  expect(waits).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000]);
  expect(seen).toEqual(new Set(['failed']));
  expect(failures).toHaveLength(8);
  expect(preparation.states).toEqual({ a: 'ready' });
});

test('one that fails does not keep the others waiting', async () => {
  const given = registry([], 1);
  const waiting = Promise.withResolvers<void>();
  const { preparation } = preparing(['a', 'b', 'c'], given, { wait: () => waiting.promise });
  const ended = preparation.untilReady(new AbortController().signal);
  for (const name of ['a', 'b', 'c']) await given.end(name);
  await vi.waitFor(() => expect(preparation.states).toEqual({ a: 'failed', b: 'ready', c: 'ready' }));
  waiting.resolve();
  await given.end('a');
  await ended;
  expect(preparation.states.a).toBe('ready');
});

test('it ends when it is told to, without a word, between two attempts and in one', async () => {
  const given = registry([], 1);
  const stop = new AbortController();
  const { preparation, failures } = preparing(['a', 'b'], given);
  const ended = preparation.untilReady(stop.signal);
  await given.end('a');
  await vi.waitFor(() => expect(preparation.states).toEqual({ a: 'failed', b: 'pulling' }));
  stop.abort();
  await given.end('b');
  await ended;
  expect(failures).toEqual(['a']);
});
