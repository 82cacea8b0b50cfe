/**
 * What Linux calls a string: any bytes without NUL. A `string` stands for its UTF-8 bytes; bytes that are not valid
 * UTF-8 are a `Uint8Array`. Answers use a `string` wherever the bytes allow it.
 */
export type Text = string | Uint8Array;
