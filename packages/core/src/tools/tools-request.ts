import type { RuntimeAdapter } from '../adapter/adapter.ts';
import type { ResolvedPolicy } from '../policy/policy.ts';
import type { CreateOptions } from '../sandbox/types.ts';

export interface WantedTools {
  readonly names: readonly string[];
  /** Whether they are a default: then nobody is told that a sandbox which is there has none. */
  readonly byDefault: boolean;
}

export interface ToolsRequest {
  readonly adapter: RuntimeAdapter;
  readonly resolved: ResolvedPolicy;
  readonly tools: WantedTools;
  readonly options: CreateOptions;
  readonly signal: AbortSignal;
}
