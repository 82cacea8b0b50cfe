/** Where an engine answers. */
export type EngineEndpoint =
  | { readonly type: 'unix'; readonly socketPath: string }
  | {
      readonly type: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly tls?: EngineTls | undefined;
    };

/** Contents of PEM files, not their paths. */
export interface EngineTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Whether the engine's certificate has to be the one it should be. */
  readonly verify: boolean;
}

export function describeEndpoint(endpoint: EngineEndpoint): string {
  if (endpoint.type === 'unix') return `unix://${endpoint.socketPath}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `tcp://${host}:${endpoint.port}`;
}
