/** Something in a piece of code that deserves a look before it runs. Advice only: nothing is refused because of it. */
export interface CodeWarning {
  /**
   * `syntax`: it cannot be parsed. `dangerous-call`: a call, or what stands for one, that can do harm. `secret`: what looks like a key or
   * a password. `size`: too long to be looked at. `incomplete`: something was not checked, or not everything is shown.
   */
  readonly kind: 'syntax' | 'dangerous-call' | 'secret' | 'size' | 'incomplete';
  /** Stable name: `python/eval`, `secret/github`, `syntax`, `size`, `incomplete/time`. */
  readonly rule: string;
  /** For people. Never contains anything of the code, hence no secret. */
  readonly message: string;
  /** As the caller named the code; null: not named. */
  readonly path: string | null;
  /** From 1; null: about the code as a whole. */
  readonly line: number | null;
  /** From 1, in UTF-16 code units, as editors count; null: about the code as a whole. */
  readonly column: number | null;
}

/** A warning before it is known what the code is called. */
export type Finding = Omit<CodeWarning, 'path'>;

/** One line for people: `main.py:3:5: runs text as code [python/eval]`. */
export function formatCodeWarning({ path, line, column, message, rule }: CodeWarning): string {
  const place = line === null ? '' : `:${line}:${column ?? 1}`;
  return `${path ?? 'code'}${place}: ${message} [${rule}]`;
}

/** About the code as a whole. */
export function wholeCode(kind: Finding['kind'], rule: string, message: string): Finding {
  return { kind, rule, message, line: null, column: null };
}

/** What could not be told, and why. */
export function incomplete(reason: string, message: string): Finding {
  return wholeCode('incomplete', `incomplete/${reason}`, message);
}

export function tooLate(what: string): Finding {
  return incomplete('time', `${what} were not checked to the end: it took too long`);
}
