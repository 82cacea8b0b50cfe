import { createHash } from 'node:crypto';
import type { IdMapping } from '../adapter/adapter.ts';
import type { GuestUser } from './user.ts';

/**
 * Where the guests of a project are ids of the host: 2147418112 to 2147483646, beyond people's, subordinate ranges, systemd's (whose last end just below) and those that jails
 * get. The engines take none that is larger.
 */
export const PROJECT_HOST_IDS = { first: 0x7fff_0000, count: 65_535 } as const;

/** Where they are ids of a user namespace, which has 65536 of them: 30000 to 59999, beyond what images have. On the host these are subordinate ids, which nobody is. */
export const PROJECT_SUBORDINATE_IDS = { first: 30_000, count: 30_000 } as const;

/**
 * Who the guests of a new project are: always the same for the same project and kind of engine. Later it is what the project's volume says. Two projects may share an id; what keeps them apart is
 * that neither sees the other's volume. Pure.
 */
export function projectUser(project: string, mapping: IdMapping | undefined): GuestUser {
  const { first, count } = mapping?.type === 'caller' ? PROJECT_SUBORDINATE_IDS : PROJECT_HOST_IDS;
  const hash = createHash('sha256').update(project).digest().readUInt32BE();
  const id = first + (hash % count);
  return { uid: id, gid: id };
}
