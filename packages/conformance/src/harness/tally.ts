/** What was run and what was not, and why. */
export class Tally {
  run = 0;
  readonly #skipped = new Map<string, number>();
  runtime = '';

  skip(reason: string): void {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
  }

  get skipped(): number {
    return [...this.#skipped.values()].reduce((sum, count) => sum + count, 0);
  }

  line(): string {
    const reasons = [...this.#skipped].map(([reason, count]) => `${count} × ${reason}`);
    const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
    return `conformance of ${this.runtime}: ${this.run} cases run, ${this.skipped} skipped${why}`;
  }
}
