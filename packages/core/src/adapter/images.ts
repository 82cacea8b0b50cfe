import type { CallOptions } from './call-options.ts';

/** Progress of a pull or a build: `current` and `total` in bytes (pull) or steps (build), where known. */
export interface ImageProgress {
  readonly message: string;
  readonly current?: number;
  readonly total?: number;
  /** One of the many lines that a step prints: to be shown in its place, and not kept. */
  readonly detail?: boolean;
}

export type OnImageProgress = (progress: ImageProgress) => void;

export interface ImageInfo {
  /** The engine's id of the image (a digest). */
  readonly id: string;
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt?: Date;
  readonly labels: Readonly<Record<string, string>>;
  /** ENV of the image's configuration. */
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  /** The image's own command, without entry point. */
  readonly command?: readonly string[];
  /** Paths that the image declares as VOLUME; core covers them in `strict`. */
  readonly volumes?: readonly string[];
  readonly architecture?: string;
}

export interface ImageBuild {
  /** Tag of the result. */
  readonly tag: string;
  /** A tar archive with the Dockerfile and what it copies. */
  readonly context: AsyncIterable<Uint8Array> | Uint8Array;
  readonly dockerfile?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ImageStore {
  /** `NOT_FOUND` when it is not on this host. */
  inspect(image: string, options?: CallOptions): Promise<ImageInfo>;
  /** `NOT_FOUND` when the registry has no such image, `UNAVAILABLE` when no registry answers, `PERMISSION_DENIED` when it wants a login. */
  pull(image: string, options?: CallOptions & { readonly onProgress?: OnImageProgress }): Promise<ImageInfo>;
  build(
    build: ImageBuild,
    options?: CallOptions & { readonly onProgress?: OnImageProgress },
  ): Promise<ImageInfo>;
  /** What is gone is a success; an image in use is `FAILED_PRECONDITION`. */
  remove(image: string, options?: CallOptions): Promise<void>;
  list(labels?: Readonly<Record<string, string>>, options?: CallOptions): Promise<ImageInfo[]>;
  /**
   * The files of an image that is on this host, as one plain tar archive of its root file system; nothing of it is run. Reading pushes back on the runtime. However
   * the reading ends, nothing that it took at the runtime is left. For runtimes that can; `unpackImage` makes a directory of it.
   */
  export?(image: string, options?: CallOptions): AsyncIterable<Uint8Array>;
}
