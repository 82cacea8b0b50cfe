import { createReferenceAdapter } from '../../../conformance/src/reference/index.ts';
import type { RuntimeAdapter } from '../../src/index.ts';

/**
 * The reference adapter, which runs the real agent as a plain process, claiming what core never goes without. It isolates nothing: paths in
 * the guest are the host's, and a workspace is not mounted anywhere.
 */
export function createPlainAdapter(
  options: { readonly directory?: string | undefined; readonly runtime?: string } = {},
): RuntimeAdapter {
  return createReferenceAdapter({
    ...options,
    claims: ['network-none', 'namespaces', 'workspace-access'],
  });
}
