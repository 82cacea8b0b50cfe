/** Every call takes one; an adapter gives up with `DEADLINE_EXCEEDED` when it fires, and has its own deadline towards the runtime besides. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ListCallOptions extends CallOptions {
  /** Finding out takes a while: many files may have to be looked at. */
  readonly sizes?: boolean | undefined;
}
