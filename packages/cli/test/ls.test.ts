import { createReferenceAdapter } from '@sandbox/conformance/reference';
import type { ProbeResult, RuntimeAdapter } from '@sandbox/core';
import { expect, it } from 'vitest';
import { createCli } from '../src/index.ts';
import { capturedIo } from './captured-io.ts';

/** A runtime that is not healthy. */
function unwell(runtime: string, status: ProbeResult['status']): RuntimeAdapter {
  const adapter = createReferenceAdapter();
  const found = { status, message: 'the engine hangs', remedy: 'start it again' };
  return { ...adapter, runtime, probe: async () => ({ ...found, capabilities: adapter.capabilities }) };
}

const entry = (adapter: RuntimeAdapter) => ({ runtime: adapter.runtime, load: async () => adapter });

it('ls lists what it can, and says which runtime it could not ask', async () => {
  const adapters = [
    { ...createReferenceAdapter(), list: async () => [] },
    unwell('first', 'unhealthy'),
    unwell('second', 'undetected'),
  ];
  const cli = createCli({ adapters: adapters.map(entry) });
  const io = capturedIo();
  expect(await cli.run(['ls', '--json'], io)).toBe(0);
  expect(io.out()).toBe('[]\n');
  expect(io.err()).toBe(
    'sandbox: warning: first cannot run sandboxes: the engine hangs\nhint: start it again\n',
  );
});

it('inspect says that it cannot tell', async () => {
  const reference = { ...createReferenceAdapter(), list: async () => [] };
  const cli = createCli({ adapters: [reference, unwell('first', 'unhealthy')].map(entry) });
  const io = capturedIo();
  expect(await cli.run(['inspect', 'sandbox-nothing'], io)).toBe(125);
  expect(io.err()).toMatch(/^sandbox: it cannot be told .*first cannot run .*\nhint: start it again\n$/);
});
