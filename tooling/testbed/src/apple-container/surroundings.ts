import type { Readable } from 'node:stream';

/** What a command has around it: all of its caller's, and nothing of the service that carries it out. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  /** Where relative paths start. */
  readonly directory: string;
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  readonly streams: Streams;
}

/** For a command that joins its caller to a process. */
export interface Streams {
  readonly input: Readable;
  /** Settles when more will be taken. */
  readonly write: (to: 'out' | 'error', data: Uint8Array) => Promise<void>;
  readonly onSignal: (take: (name: string) => void) => void;
  /** Settles when nobody is there any more. */
  readonly gone: Promise<void>;
}
