import type { AdapterContext } from '../harness/adapter-context.ts';
import type { Group } from '../harness/case.ts';
import { belongings } from './belongings.ts';
import { enforcement } from './enforcement.ts';
import { errors } from './errors.ts';
import { idempotence } from './idempotence.ts';
import { images } from './images.ts';
import { isolation } from './isolation.ts';
import { labels } from './labels.ts';
import { leftovers } from './leftovers.ts';
import { lifecycle } from './lifecycle.ts';
import { limits } from './limits.ts';
import { mounts } from './mounts.ts';
import { network } from './network.ts';
import { probe } from './probe.ts';
import { rawExec } from './raw-exec.ts';
import { rawProcess } from './raw-process.ts';
import { volumes } from './volumes.ts';

/** Rules of the contract, tried on the adapter itself. */
export const adapterGroups: readonly Group<AdapterContext>[] = [
  probe,
  lifecycle,
  rawProcess,
  rawExec,
  labels,
  idempotence,
  limits,
  mounts,
  network,
  isolation,
  enforcement,
  errors,
  images,
  volumes,
  belongings,
  leftovers,
];
