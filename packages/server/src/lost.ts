import { type SandboxDetails, SandboxError } from '@sandbox/core';
import type { Box } from './box.ts';
import type { Service } from './service.ts';

/** What its runtime says of it. Undefined for one that went without us, by the command line or a cleanup: its place is free then. */
export async function inspectBox({ life }: Service, box: Box): Promise<SandboxDetails | undefined> {
  try {
    return await box.facts.sandbox.inspect();
  } catch (error) {
    if (!SandboxError.is(error) || error.code !== 'NOT_FOUND') throw error;
    await life.lost(box);
    return undefined;
  }
}

const looking = new WeakMap<Service, Promise<unknown>>();

/** Looks for places that are free without our knowing. Requests at once look once; a sandbox of which nothing can be told keeps its place. */
export function forgetLost(service: Service): Promise<unknown> {
  const boxes = [...service.life.boxes].filter((box) => box.removing === undefined);
  const look =
    looking.get(service) ??
    Promise.allSettled(boxes.map((box) => inspectBox(service, box))).finally(() => looking.delete(service));
  looking.set(service, look);
  return look;
}
