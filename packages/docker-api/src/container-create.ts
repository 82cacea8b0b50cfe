import type { EngineClient } from './client.ts';
import type { ContainerBody } from './container-body.ts';
import { EngineVolumes } from './volumes.ts';

/** Makes a container, in the engine's own words where it has some. The result is its id. */
export async function postContainer(
  client: EngineClient,
  name: string,
  body: ContainerBody,
  call: { operation: string; sandbox: string; signal?: AbortSignal | undefined },
): Promise<string> {
  const { native } = client.dialect;
  if (!native) {
    const query = { name };
    const { Id } = await client.json<{ Id: string }>({
      ...call,
      method: 'POST',
      path: '/containers/create',
      query,
      body,
    });
    return Id;
  }
  // A mount would make them too, but without labels.
  for (const { Type, Source, VolumeOptions } of body.HostConfig.Mounts ?? []) {
    if (Type !== 'volume') continue;
    await new EngineVolumes(client).keep(Source, VolumeOptions?.Labels ?? {}, { signal: call.signal });
  }
  const request = await native.createContainer(name, body);
  const { Id } = await client.json<{ Id: string }>({ ...call, method: 'POST', ...request });
  return Id;
}
