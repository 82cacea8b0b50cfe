/** What was run and what was not, and why. */
export class Tally {
  run = 0;
  readonly #skipped = new Map<string, number>();
  runtime = '';
  readonly #name: string | undefined;

  /** What the suite is called, where several are for one runtime. */
  constructor(name?: string) {
    this.#name = name;
  }

  skip(reason: string): void {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
  }

  get skipped(): number {
    return [...this.#skipped.values()].reduce((sum, count) => sum + count, 0);
  }

  line(): string {
    const reasons = [...this.#skipped].map(([reason, count]) => `${count} × ${reason}`);
    const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
    const of =
      this.#name === undefined || this.#name === this.runtime
        ? this.runtime
        : `${this.runtime} (${this.#name})`;
    return `conformance of ${of}: ${this.run} cases run, ${this.skipped} skipped${why}`;
  }
}
