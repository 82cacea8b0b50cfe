import type { Service } from './service.ts';

const looking = new WeakMap<Service, Promise<void>>();

/** Gives back the places of sandboxes that somebody else has removed: the command line, a cleanup. Requests at once look once. */
export function forgetLost(service: Service): Promise<void> {
  const look = looking.get(service) ?? lookOnce(service).finally(() => looking.delete(service));
  looking.set(service, look);
  return look;
}

async function lookOnce({ life, sandboxes, onError }: Service): Promise<void> {
  // Known before the list is made: one that comes meanwhile is not in it.
  const known = [...life.boxes].filter((box) => box.removing === undefined);
  if (known.length === 0) return;
  let isWhole = true;
  const onUnavailable = () => {
    isWhole = false;
  };
  try {
    const there = new Set((await sandboxes.list({ onUnavailable })).map(({ name }) => name));
    if (!isWhole) return;
    await Promise.all(known.filter(({ id }) => !there.has(id)).map((box) => life.lost(box)));
  } catch (error) {
    onError(error, 'sandboxes could not be looked at');
  }
}
