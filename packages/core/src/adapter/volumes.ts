import type { CallOptions, ListCallOptions } from './call-options.ts';

export interface VolumeInfo {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt?: Date;
  /** Where a list with sizes was asked for and the runtime can tell. */
  readonly sizeBytes?: number;
}

export interface VolumeStore {
  /** Makes it with these labels, or finds it; a volume of that name without our label is `ALREADY_EXISTS`. Those who ask at the same moment are all told of one and the same. */
  ensure(name: string, labels: Readonly<Record<string, string>>, options?: CallOptions): Promise<VolumeInfo>;
  /** What is gone is a success; a volume in use is `FAILED_PRECONDITION`. */
  remove(name: string, options?: CallOptions): Promise<void>;
  list(labels?: Readonly<Record<string, string>>, options?: ListCallOptions): Promise<VolumeInfo[]>;
}
