import { createAppleContainerRuntime } from './apple-container.ts';
import { createBubblewrapRuntime } from './bubblewrap.ts';
import { createDockerRuntime } from './docker.ts';
import { createNsjailRuntime } from './nsjail.ts';
import { createPodmanRuntime } from './podman.ts';
import type { TestbedRuntime } from './runtime.ts';

/** All that can be named, in the order in which `up --one` prefers them. */
export const runtimes: readonly TestbedRuntime[] = [
  createDockerRuntime(),
  createNsjailRuntime(),
  createBubblewrapRuntime(),
  createPodmanRuntime(),
  createAppleContainerRuntime(),
];
