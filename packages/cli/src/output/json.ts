/** One JSON document and a line end. Errors never reach it as such: see `Failure`. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
