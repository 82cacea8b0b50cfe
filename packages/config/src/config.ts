import type { Caller, CallerSettings, CleanupSettings, OptionsSchema, SettingsSource } from '@sandbox/core';
import { MONITORING_KEYS } from './keys.ts';
import { NO_CONFIG, type ParsedConfig } from './parsed-config.ts';
import { callerSettings, cleanupSettings } from './resolve.ts';
import { runtimeOptions } from './runtime-options.ts';
import type { ConfigKey } from './schema.ts';

/** `[monitoring]`, with what holds without it. */
export interface MonitoringSettings {
  readonly enabled: boolean;
  readonly retentionDays: number;
  readonly recordArgv: boolean;
  readonly recordEnv: boolean;
}

/** What `sandbox.toml` says, for `createSandboxes({ settings })`. See `openConfig`. */
export class Config implements SettingsSource, Disposable {
  #parsed: ParsedConfig;
  #cleanup: CleanupSettings;
  /** Called by `close`. */
  readonly #stop: () => void;

  /** Without arguments: as without a file. */
  constructor(parsed: ParsedConfig = NO_CONFIG, stop: () => void = () => {}) {
    this.#parsed = parsed;
    this.#cleanup = cleanupSettings(parsed);
    this.#stop = stop;
  }

  /** The file whose settings hold; undefined where there is none, and the built-in ones do. */
  get file(): string | undefined {
    return this.#parsed.file ?? undefined;
  }

  get enabled(): boolean {
    return this.#parsed.values.sandbox?.enabled ?? true;
  }

  get cleanup(): CleanupSettings {
    return this.#cleanup;
  }

  /** All that the file says. */
  get parsed(): ParsedConfig {
    return this.#parsed;
  }

  /** Of the service. */
  get keys(): readonly ConfigKey[] {
    return this.#parsed.values.keys ?? [];
  }

  /** Packages with adapters of other people, by name or path. */
  get adapters(): readonly string[] {
    return this.#parsed.values.adapters ?? [];
  }

  /** Host directories that this user may take workspaces from over HTTP. */
  workspaceRoots(user: string): readonly string[] {
    return this.#parsed.values.users?.find(({ name }) => name === user)?.workspace_roots ?? [];
  }

  /** What is recorded of executions. */
  get monitoring(): MonitoringSettings {
    const values = this.#parsed.values.monitoring ?? {};
    const { enabled, retention_days, record_argv, record_env } = MONITORING_KEYS;
    return {
      enabled: values.enabled ?? enabled.builtIn,
      retentionDays: values.retention_days ?? retention_days.builtIn,
      recordArgv: values.record_argv ?? record_argv.builtIn,
      recordEnv: values.record_env ?? record_env.builtIn,
    };
  }

  settingsFor(caller: Caller): CallerSettings {
    return callerSettings(this.#parsed, caller);
  }

  /** The options of one adapter: `createDockerAdapter(await config.runtimeOptions('docker', dockerAdapterOptionsSchema))`. */
  runtimeOptions<T>(runtime: string, schema: OptionsSchema<T>): Promise<T> {
    return runtimeOptions(this.#parsed, runtime, schema);
  }

  /** From now on this holds. */
  adopt(parsed: ParsedConfig): void {
    this.#parsed = parsed;
    this.#cleanup = cleanupSettings(parsed);
  }

  /** Stops following the file. */
  close(): void {
    this.#stop();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
