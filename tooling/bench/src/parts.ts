import { createDockerAdapter } from '@sandbox/adapter-docker';
import { createPodmanAdapter } from '@sandbox/adapter-podman';
import { engineParts } from './engine-parts.ts';
import type { Part } from './figure.ts';
import { nsjailParts } from './nsjail-parts.ts';
import { pipeParts } from './pipe-parts.ts';
import { registryParts } from './registry-parts.ts';
import { serviceParts } from './service-parts.ts';

/** All parts, in the order in which they are measured. */
export const parts: readonly Part[] = [
  ...pipeParts,
  ...engineParts({
    name: 'docker',
    createAdapter: () => createDockerAdapter(),
    execGoals: { each: 20, inFlight: 40 },
  }),
  ...engineParts({
    name: 'podman',
    createAdapter: () => createPodmanAdapter(),
    execGoals: { each: 50, inFlight: 40 },
  }),
  ...nsjailParts,
  ...registryParts,
  ...serviceParts,
];
