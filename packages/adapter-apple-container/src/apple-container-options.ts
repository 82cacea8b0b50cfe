import { z } from 'zod';

const milliseconds = z.number().int().positive().max(86_400_000);
const path = z.string().startsWith('/');

/** Checks what comes from a configuration file. */
export const appleContainerAdapterOptionsSchema = z.strictObject({
  /** @default `APPLE_CONTAINER_PATH`, else `container` on PATH */
  program: path.optional(),
  /** Holds the agents; mounted read-only in every sandbox. @default below `SANDBOX_STATE_DIR`, else the state directory */
  agentDirectory: path.optional(),
  timeouts: z
    .strictObject({
      /** For an answer to `probe()`. @default 5000 */
      probeMs: milliseconds.optional(),
      /** For each call but pulls and builds; a virtual machine boots within it. @default 60000 */
      callMs: milliseconds.optional(),
    })
    .optional(),
});

export type AppleContainerAdapterOptions = Readonly<z.input<typeof appleContainerAdapterOptionsSchema>>;
