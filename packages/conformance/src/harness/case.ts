import type { Control, Facet } from '@sandbox/core';
import type { AdapterContext } from './adapter-context.ts';

/** What a case cannot do without; all of it must be supported by the runtime, on this host. */
export interface Needs {
  readonly controls?: readonly Control[];
  readonly facets?: readonly Facet[];
  /** Controls that must hold without a limit, for what cannot be tried safely where they do not. */
  readonly enforced?: readonly Control[];
  /** A boundary of some kind between guest and host: not a plain process. */
  readonly isolated?: boolean;
  /** The twin of what needs this: run only where it is unsupported, to see that it is refused. */
  readonly refusalOf?: Control | Facet;
  /** Run also where core makes no sandbox, to see that it refuses. */
  readonly always?: boolean;
  /** How long the case may take, in milliseconds. @default 30_000 */
  readonly timeoutMs?: number;
}

export interface Case<Context> extends Needs {
  /** `group/what-it-shows`: stable, for reports and for pointing at. */
  readonly id: string;
  /** Reads as a sentence of the specification. */
  readonly title: string;
  readonly body: (context: Context) => Promise<void>;
}

export interface Group<Context = unknown> {
  readonly id: string;
  readonly title: string;
  readonly cases: readonly Case<Context>[];
}

export type Define<Context> = {
  (id: string, title: string, body: (context: Context) => Promise<void>): void;
  (id: string, title: string, needs: Needs, body: (context: Context) => Promise<void>): void;
};

export function defineGroup<Context = AdapterContext>(
  id: string,
  title: string,
  define: (test: Define<Context>) => void,
): Group<Context> {
  const cases: Case<Context>[] = [];
  type Body = Case<Context>['body'];
  const test = (name: string, sentence: string, needs: Needs | Body, body?: Body) => {
    const full = `${id}/${name}`;
    if (cases.some((other) => other.id === full)) throw new Error(`two cases are called ${full}`);
    const [wants, run] = typeof needs === 'function' ? [{}, needs] : [needs, body as Body];
    cases.push({ id: full, title: sentence, ...wants, body: run });
  };
  define(test);
  return { id, title, cases };
}
