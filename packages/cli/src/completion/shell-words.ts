/** One word for bash and zsh, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** One word for fish, whose single quotes know two escapes. */
export function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** Part of a function's name. */
export function identifier(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, '_');
}

/** One line, and short enough to be shown beside others: the first clause, without what is the default. */
export function brief(description: string): string {
  return description.replace(/\s*\(default:.*$/, '').replace(/\s+/g, ' ');
}

/**
 * Prints the names that `ls --json` tells, one a line: the keys of the listed objects themselves, which are indented by four, and
 * nothing that is not made of a name's characters.
 */
export function namesCommand(program: string): string {
  return `command ${program} ls --json 2>/dev/null | sed -n 's/^    "name": "\\([A-Za-z0-9_.-]*\\)",\\{0,1\\}$/\\1/p'`;
}
