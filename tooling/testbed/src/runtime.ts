import type { ImageRecipe } from './image-recipes.ts';
import type { Progress } from './progress.ts';

/**
 * - `absent`: its program is not installed.
 * - `stopped`: installed, and nothing answers.
 * - `unhealthy`: something is there that does not answer as it should, or that this user may not talk to. It is
 *   not ours to mend: `detail` says what is wrong, `remedy` what to type.
 * - `healthy`: it answers.
 */
export type RuntimeState = 'absent' | 'stopped' | 'unhealthy' | 'healthy';

export interface RuntimeStatus {
  readonly state: RuntimeState;
  readonly version?: string;
  /** Where it answers, as a URL: `unix:///var/run/docker.sock`. */
  readonly endpoint?: string;
  readonly detail?: string;
  /** Commands to type, one per item. */
  readonly remedy?: readonly string[];
  /** Whether this testbed started what runs now, so that `down` will stop it. */
  readonly startedByTestbed?: boolean;
}

export interface BringUpContext {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export type ImageOutcome = 'present' | 'pulled' | 'imported' | 'not needed';
export type StopOutcome = 'stopped' | 'not-started-by-testbed';

/**
 * One engine that the tests can run on. A new one is one file that makes one of these, and a line in
 * `runtimes.ts`; what they all do in the same way (the order of steps, one `up` at a time) is in `bring-up.ts`.
 */
export interface TestbedRuntime {
  /** The name in SANDBOX_RUNTIMES, and on the command line. */
  readonly name: string;
  /** The Debian packages that `install` installs. */
  readonly packages: readonly string[];
  /** Looks, with a deadline, and changes nothing. Never throws for what it finds. */
  detect(): Promise<RuntimeStatus>;
  /**
   * Called only when `absent`. Names what it is going to install before it does.
   * @throws SetupRefused where installing is not ours to do, with the commands to type
   */
  install(context: BringUpContext): Promise<void>;
  /** Called only when `stopped`. Returns once it is healthy. What it starts, it records for `stop`. */
  start(context: BringUpContext): Promise<void>;
  /** Stops what `start` started, and nothing else; idempotent. Without `force`, refuses while others use it. */
  stop(options: { readonly force: boolean; readonly signal: AbortSignal }): Promise<StopOutcome>;
  /** Makes sure that an image is there under this name; one that exists is never touched. */
  ensureImage(recipe: ImageRecipe, context: BringUpContext): Promise<ImageOutcome>;
  hasImage(name: string): Promise<boolean>;
  /** Everything in the engine that carries all of these labels (see `labels.ts`), as `kind name`; removed too when asked to. */
  findLabelled(labels: readonly string[], options: { readonly remove: boolean }): Promise<string[]>;
}

/** Stopped before changing the machine, for a reason that its user has to settle. */
export class SetupRefused extends Error {
  /** What to type, one command per item. */
  readonly commands: readonly string[];
  /** Debian packages that are to be installed before that. */
  readonly packages: readonly string[];

  constructor(
    message: string,
    {
      commands = [],
      packages = [],
    }: { readonly commands?: readonly string[]; readonly packages?: readonly string[] } = {},
  ) {
    super(message);
    this.name = 'SetupRefused';
    this.commands = commands;
    this.packages = packages;
  }
}
