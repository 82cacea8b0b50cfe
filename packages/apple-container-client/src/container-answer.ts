import type { SandboxInfo, SandboxState } from '@sandbox/core';
import { readLabels } from './labels.ts';

type Words = Readonly<Record<string, string>>;

/** A container as `list` and `inspect` print it. Before 1.0 the status was a word, and the id stood in the configuration alone. */
export interface ContainerAnswer {
  readonly status: string | { readonly state: string; readonly startedDate?: unknown };
  readonly startedDate?: unknown;
  readonly configuration: {
    readonly id: string;
    readonly image?: { readonly reference?: string; readonly descriptor?: { readonly digest?: string } };
    readonly initProcess?: {
      readonly environment?: readonly string[];
      readonly user?: {
        readonly id?: { readonly uid: number; readonly gid: number };
        readonly raw?: { readonly userString: string };
      };
      readonly rlimits?: readonly { readonly limit: string; readonly hard: number }[];
    };
    readonly mounts?: readonly { readonly destination: string; readonly options?: readonly string[] }[];
    readonly networks?: readonly unknown[];
    readonly labels?: Words;
    readonly capAdd?: readonly string[];
    readonly capDrop?: readonly string[];
    readonly resources?: { readonly cpus?: number; readonly memoryInBytes?: number };
    readonly readOnly?: boolean;
    readonly creationDate?: string;
  };
}

export function infoOf(answer: ContainerAnswer): SandboxInfo {
  const { id, labels, image, creationDate } = answer.configuration;
  return {
    name: id,
    state: stateOf(answer),
    labels: readLabels(labels),
    ...(image?.reference && { image: image.reference }),
    ...dateOf(creationDate),
  };
}

/** Left out where it is not told. */
export function dateOf(text: string | undefined): { readonly createdAt?: Date } {
  const createdAt = new Date(text ?? Number.NaN);
  return Number.isNaN(createdAt.getTime()) ? {} : { createdAt };
}

/** One that was never started is `stopped` to the program too; it has no date of a start. */
function stateOf({ status, startedDate }: ContainerAnswer): SandboxState {
  const { state, startedDate: started = startedDate } =
    typeof status === 'string' ? { state: status } : status;
  if (state === 'running' || state === 'stopping') return 'running';
  if (state !== 'stopped') return 'unknown';
  return started === undefined || started === null ? 'created' : 'stopped';
}
