/**
 * Where a place in a shell script is, as far as quoting goes. `opaque` is every place where no quoting is safe for all
 * shells: comments, here-documents, backquotes, arithmetic.
 */
export type ShellContext = 'plain' | 'double' | 'single' | 'opaque';

type Level = 'plain' | 'parenthesis' | 'double' | 'arithmetic' | 'backquote';

/** Reads a POSIX shell script piece by piece, only to tell what quoting holds where the next value stands. */
export class ShellReader {
  readonly #levels: Level[] = ['plain'];
  #single = false;
  #comment = false;
  #hereDocument = false;
  #unknown = false;
  /** Whether a `#` here would begin a comment. */
  #wordStart = true;

  get context(): ShellContext {
    if (this.#unknown || this.#comment || this.#levels.some((l) => l === 'arithmetic' || l === 'backquote')) {
      return 'opaque';
    }
    if (this.#single) return 'single';
    return this.#level === 'double' ? 'double' : 'plain';
  }

  /** Goes on with the script's own text. */
  text(piece: string): void {
    for (let at = 0; at < piece.length; at += 1) {
      const char = piece[at] as string;
      if (this.#comment) this.#comment = char !== '\n';
      else if (this.#single) this.#single = char !== "'";
      else if (char === '\\') at += 1;
      else at += this.#step(char, piece.slice(at, at + 5));
      if (char === '\n' && !this.#single && this.#hereDocument) this.#unknown = true;
      this.#wordStart = /[\s;&|()<>]/.test(piece[at] ?? char);
    }
  }

  /** A value stands here: what follows is not the start of a word. */
  value(): void {
    this.#wordStart = false;
  }

  get #level(): Level {
    return this.#levels[this.#levels.length - 1] as Level;
  }

  /** Takes what starts here; returns how many characters it took beyond the first. */
  #step(char: string, ahead: string): number {
    const quoted = this.#level === 'double' || this.#level === 'arithmetic';
    // A pattern of `case` ends in a parenthesis that nothing opened.
    if (this.#level === 'parenthesis' && this.#wordStart && /^case\s/.test(ahead)) this.#unknown = true;
    if (char === '`') return this.#toggle('backquote');
    if (ahead.startsWith('$((')) return this.#push('arithmetic', 2);
    if (ahead.startsWith('$(')) return this.#push('parenthesis', 1);
    if (char === '"') return this.#toggle('double');
    if (this.#level === 'arithmetic' && ahead.startsWith('))')) return this.#pop(1);
    // Shells differ over $'…': dash knows it not, others give backslashes a meaning in it.
    if (ahead.startsWith("$'") && !quoted) this.#unknown = true;
    else if (char === "'" && !quoted) this.#single = true;
    else if (char === '#' && !quoted && this.#wordStart) this.#comment = true;
    else if (ahead.startsWith('<<<') && !quoted) return 2;
    else if (ahead.startsWith('<<') && !quoted) this.#hereDocument = true;
    else if (char === '(' && !quoted) return this.#push('parenthesis', 0);
    else if (char === ')' && this.#level === 'parenthesis') return this.#pop(0);
    return 0;
  }

  #push(level: Level, taken: number): number {
    this.#levels.push(level);
    return taken;
  }

  #pop(taken: number): number {
    this.#levels.pop();
    return taken;
  }

  #toggle(level: Level): number {
    if (this.#level === level) this.#levels.pop();
    else this.#levels.push(level);
    return 0;
  }
}
