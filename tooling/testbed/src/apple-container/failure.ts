/** The double ends with this code after these lines on stderr; the first is `Error: …`. */
export class CliFailure extends Error {
  readonly exitCode: number;
  readonly lines: readonly string[];

  constructor(exitCode: number, lines: readonly string[]) {
    super(lines[0]);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
    this.lines = lines;
  }
}

/** What any error is but one of the parser's. */
export function failure(message: string): CliFailure {
  return new CliFailure(1, [`Error: ${message}`]);
}

/** An error that the service answered with, as the client wraps it. */
export function wrapped(what: string, code: string, message: string): CliFailure {
  return failure(`internalError: "${what}" (cause: "${code}: "${message}"")`);
}
