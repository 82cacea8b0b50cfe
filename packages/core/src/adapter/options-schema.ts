/** What a library for schemas (zod, valibot, …) makes of a value: see https://standardschema.dev. */
export interface OptionsSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => OptionsResult<T> | Promise<OptionsResult<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

type OptionsResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly OptionsIssue[] };

interface OptionsIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** As zod has them. */
  readonly keys?: readonly string[] | undefined;
}
