/** What stands in place of a secret. */
export const REDACTED = '[redacted]';

/** Fields that are never written, wherever they are. */
export const SECRET_FIELDS: ReadonlySet<string> = new Set([
  ...['authorization', 'cookie', 'headers', 'key', 'keys', 'env', 'stdin', 'code', 'args', 'argv', 'command'],
  ...['content', 'files', 'body', 'stdout', 'stderr'],
]);

/** Where requests have what is their callers' own. */
const OWN = new Set(['code', 'command', 'args', 'stdin', 'env', 'content']);
/** Shorter ones are in every other word. */
const LEAST = 4;
/** So much of a secret is enough to know it by, where messages cut it. */
const BEGINNING = 12;
const MOST = 2_000;
/** Nothing that is taken for a request is deeper. */
const MOST_DEPTH = 8;

/** What looks like a key of ours or is sent as one, whoever says it. Pure. */
export function withoutKeys(text: string): string {
  return text
    .replace(/sbx_[a-z0-9]{8}_[A-Za-z0-9_-]+/g, REDACTED)
    .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${REDACTED}`);
}

/** The texts in a request's body that are its caller's own: code, words, variables, input, content of files. Line by line: messages seldom have more. Pure. */
export function secretsOf(body: unknown): string[] {
  const found = new Set<string>();
  const take = (value: unknown, isOwn: boolean, depth = 0): void => {
    if (found.size >= MOST || depth > MOST_DEPTH) return;
    if (typeof value === 'string') {
      if (!isOwn) return;
      for (const line of value.split(/\r?\n/)) if (line.trim().length >= LEAST) found.add(line.trim());
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) take(inner, isOwn || OWN.has(name), depth + 1);
    }
  };
  take(body, false);
  return [...found].slice(0, MOST);
}

/** Takes secrets out of a text, also where it has only their beginning, or has them as JSON. Pure. */
export function without(secrets: readonly string[], text: string): string {
  let rest = text;
  for (const secret of secrets) {
    for (const form of new Set([secret, JSON.stringify(secret).slice(1, -1)])) {
      rest = rest.replaceAll(form, REDACTED);
      if (form.length > BEGINNING) rest = withoutBeginning(form, rest);
    }
  }
  return withoutKeys(rest);
}

/** As much as is there of it. */
function withoutBeginning(secret: string, text: string): string {
  const beginning = secret.slice(0, BEGINNING);
  let rest = text;
  for (let at = rest.indexOf(beginning); at !== -1; at = rest.indexOf(beginning, at + REDACTED.length)) {
    let length = beginning.length;
    while (length < secret.length && rest[at + length] === secret[length]) length += 1;
    rest = rest.slice(0, at) + REDACTED + rest.slice(at + length);
  }
  return rest;
}
