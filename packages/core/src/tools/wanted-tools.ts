import type { ImageInfo } from '../adapter/images.ts';
import { throwIfAborted } from '../errors/aborts.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import type { KnownCaller } from '../launch/caller.ts';
import { rootFor } from '../launch/launch-plan.ts';
import type { OpenOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';
import { missingOnHost } from './host-tools.ts';
import { ensureToolLayer } from './shared-layer.ts';
import { toolNames } from './tools.ts';
import type { ToolsRequest, WantedTools } from './tools-request.ts';

/** Names that are none are refused, whether a sandbox is there or not. */
export function wantedTools({ options, settings }: KnownCaller<Pick<OpenOptions, 'tools'>>): WantedTools {
  const wanted = options.tools ?? settings.tools;
  return { names: toolNames(wanted), byDefault: options.tools === undefined && wanted === true };
}

export interface AddedTools {
  /** What the sandbox is to be made of; undefined: of what it would be made of without tools. */
  readonly layer?: ImageInfo & { readonly name: string };
  /** Names of those that the sandbox has. */
  readonly tools: readonly string[];
  readonly warnings: readonly string[];
}

/** Development tools for a new sandbox. Where there can be none, it does without, and the warning says why; only an abort is an error. */
export async function addTools(services: Services, request: ToolsRequest): Promise<AddedTools> {
  const { adapter, resolved, signal } = request;
  const { names } = request.tools;
  if (names.length === 0) return { tools: [], warnings: [] };
  const root = rootFor(adapter, resolved, request.options);
  if (root.type !== 'image') return toolsOf(root.type === 'directory' ? root.path : '/', names);
  try {
    const layer = await ensureToolLayer(services, { ...request, image: root.image });
    return { layer, tools: names, warnings: [] };
  } catch (error) {
    throwIfAborted(signal, { operation: 'open', runtime: adapter.runtime });
    if (!SandboxError.is(error)) throw error;
    return { tools: [], warnings: [`there are no development tools in it: ${error.message}`] };
  }
}

/** Nothing can be installed into a directory: it has what it has. */
async function toolsOf(directory: string, names: readonly string[]): Promise<AddedTools> {
  const missing = await missingOnHost(directory, names);
  const where = directory === '/' ? 'this host' : directory;
  return {
    tools: names.filter((name) => !missing.has(name)),
    warnings:
      missing.size === 0
        ? []
        : [
            `of the development tools it has what ${where} has, without ${[...missing.values()].flat().join(', ')}; install them there, or use a runtime with images`,
          ],
  };
}

/** For those who asked for tools and get an ephemeral sandbox, which is its image. */
export function notInEphemeral({ names, byDefault }: WantedTools): readonly string[] {
  return byDefault || names.length === 0
    ? []
    : ['there are no development tools in an ephemeral sandbox but those of its image'];
}

/** What is asked for that a sandbox which is there does not have. */
export function lackingTools(
  { names, byDefault }: WantedTools,
  installed: string | undefined,
  sandbox: string,
): readonly string[] {
  const has = new Set(installed?.split(' '));
  const lacking = names.filter((name) => !has.has(name));
  if (byDefault || lacking.length === 0) return [];
  return [
    `${sandbox} keeps what it was made with: it has no ${lacking.join(', ')}; \`--recreate\` changes it`,
  ];
}
