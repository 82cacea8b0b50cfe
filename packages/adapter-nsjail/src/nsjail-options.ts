import { type DaemonlessOptions, jailerOptionsSchema } from '@sandbox/daemonless';

/** Checks what comes from a configuration file. */
export const nsjailAdapterOptionsSchema = jailerOptionsSchema;

export interface NsjailAdapterOptions extends DaemonlessOptions {
  /** The program: its absolute path, or a name on PATH. Its libraries lie beside it, so name it where it is. @default NSJAIL_PATH, else `nsjail` on PATH */
  readonly binary?: string | undefined;
}
