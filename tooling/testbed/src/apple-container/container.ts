import type { Configuration } from './configuration.ts';

export interface Container {
  readonly configuration: Configuration;
  readonly state: 'stopped' | 'running';
  /** Undefined until it was started. */
  readonly startedDate?: string | undefined;
  readonly address?: string | undefined;
}
