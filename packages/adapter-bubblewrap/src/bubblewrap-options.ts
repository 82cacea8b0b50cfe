import { type DaemonlessOptions, jailerOptionsSchema } from '@sandbox/daemonless';

/** Checks what comes from a configuration file. */
export const bubblewrapAdapterOptionsSchema = jailerOptionsSchema;

export interface BubblewrapAdapterOptions extends DaemonlessOptions {
  /** The program: its absolute path, or a name on PATH. @default `bwrap` on PATH */
  readonly binary?: string | undefined;
}
