import { type CodeWarning, type Finding, incomplete, wholeCode } from './code-warning.ts';
import { Lane } from './lane.ts';
import { checksFor } from './rules/index.ts';

export interface CodeToCheck {
  /** Id or alias: `python`, `node`, `dotnet`. Of one that is not known, only secrets are looked for, and a warning says so. */
  readonly language: string;
  readonly code: string;
  /** What warnings call the code. */
  readonly path?: string | undefined;
  /** After which what was found until then is given, with a warning. @default 3000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** In bytes of UTF-8. Longer code is not looked at. */
export const MAX_CHECKED_BYTES = 1_000_000;
/** Of one piece of code; what is left out is said by one more. */
export const MAX_CODE_WARNINGS = 100;

/** Characters from which on code waits apart, so that nobody's snippet waits for the parsing of a megabyte. */
const LARGE = 65_536;
/** Parsing of large code leaves memory behind that a process does not give back. */
const large = new Lane(0);
const small = new Lane();

/**
 * Looks at code before it runs: syntax errors, dangerous calls, hard-coded secrets. Advice: it never refuses anything, and gives what it
 * could not do as a warning. It rejects for nothing but an aborted `signal`. The work is done in a process of its own, not in the caller's event loop.
 *
 * @returns at most {@link MAX_CODE_WARNINGS} and one more, in the order of their places
 */
export async function checkCode({
  language,
  code,
  path,
  timeoutMs = 3000,
  signal,
}: CodeToCheck): Promise<readonly CodeWarning[]> {
  signal?.throwIfAborted();
  const named = (findings: readonly Finding[]) =>
    findings.map((finding) => ({ ...finding, path: path ?? null }));
  const bytes = Buffer.byteLength(code);
  if (bytes > MAX_CHECKED_BYTES) {
    const message = `is ${bytes} bytes long and was not checked: that is done up to ${MAX_CHECKED_BYTES}`;
    return named([wholeCode('size', 'size', message)]);
  }
  const lane = code.length > LARGE ? large : small;
  const findings = await unlessAborted(lane.check({ language, code, timeoutMs }), signal);
  return named(selectFindings([...findings, ...unknownLanguage(language)]));
}

function unknownLanguage(language: string): Finding[] {
  if (checksFor(language) !== undefined) return [];
  const name = JSON.stringify(language.slice(0, 64));
  return [incomplete('language', `only secrets were looked for: there are no checks for ${name}`)];
}

const ranks: Readonly<Record<Finding['kind'], number>> = {
  ...{ size: 0, incomplete: 0, secret: 1, 'dangerous-call': 2, syntax: 3 },
};

/** The most important ones, by place. Pure. */
export function selectFindings(findings: readonly Finding[]): Finding[] {
  const byRank = findings.toSorted((one, other) => ranks[one.kind] - ranks[other.kind]);
  const shown = byRank.slice(0, MAX_CODE_WARNINGS).toSorted(byPlace);
  if (shown.length === findings.length) return shown;
  return [
    ...shown,
    incomplete('more', `there are more warnings than the ${MAX_CODE_WARNINGS} that are shown`),
  ];
}

function byPlace(one: Finding, other: Finding): number {
  return (one.line ?? 0) - (other.line ?? 0) || (one.column ?? 0) - (other.column ?? 0);
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve).finally(() => signal.removeEventListener('abort', abort));
  });
}
