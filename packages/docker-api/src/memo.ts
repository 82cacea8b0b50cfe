/** Work that is done once and shared by all who ask, also at the same time; what failed is done again for the next. */
export class Memo<T> {
  #value: Promise<T> | undefined;

  get(work: () => Promise<T>): Promise<T> {
    if (this.#value) return this.#value;
    const value = work();
    this.#value = value;
    value.catch(() => {
      if (this.#value === value) this.#value = undefined;
    });
    return value;
  }

  forget(): void {
    this.#value = undefined;
  }
}
