// Reads what vitest and `go test` say in JSON. Starts on Node 20 with nothing installed: node built-ins only.

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** @type {Counts} */
export const none = { passed: 0, failed: 0, skipped: 0 };

/** @param {readonly Counts[]} all @returns {Counts} */
export function sum(all) {
  return all.reduce(
    (left, right) => ({
      passed: left.passed + right.passed,
      failed: left.failed + right.failed,
      skipped: left.skipped + right.skipped,
    }),
    none,
  );
}

/** @param {Counts} counts */
export function inWords({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * @param {string} json the file of vitest's json reporter
 * @returns {Counts & { skippedIn: Map<string, number> }} `skippedIn`: how many in which file
 */
export function readVitest(json) {
  const { testResults } = JSON.parse(json);
  const counts = { ...none, skippedIn: new Map() };
  for (const { name, status, assertionResults } of testResults) {
    // A file that could not even be loaded has no tests to fail.
    if (status === 'failed' && !assertionResults.some(failedOne)) counts.failed += 1;
    for (const result of assertionResults) {
      if (result.status === 'passed') counts.passed += 1;
      else if (failedOne(result)) counts.failed += 1;
      else {
        counts.skipped += 1;
        counts.skippedIn.set(name, (counts.skippedIn.get(name) ?? 0) + 1);
      }
    }
  }
  return counts;
}

/** @param {{ status: string }} result */
const failedOne = ({ status }) => status === 'failed';

/**
 * @param {string} output of `go test -json`, among which the compiler may have put lines of its own
 * @returns {Counts & { text: string }} `text`: what go would have shown
 */
export function readGo(output) {
  const counts = { ...none, text: '' };
  let packagesFailed = 0;
  for (const line of output.split('\n')) {
    const event = parseEvent(line);
    if (event === undefined) counts.text += line === '' ? '' : `${line}\n`;
    else if (event.Action === 'output') counts.text += event.Output;
    else if (event.Test === undefined) packagesFailed += event.Action === 'fail' ? 1 : 0;
    else if (event.Action === 'pass') counts.passed += 1;
    else if (event.Action === 'fail') counts.failed += 1;
    else if (event.Action === 'skip') counts.skipped += 1;
  }
  // A package that does not compile has no tests to fail.
  if (counts.failed === 0) counts.failed = packagesFailed;
  return counts;
}

/** @param {string} line @returns {{ Action: string, Test?: string, Output?: string } | undefined} */
function parseEvent(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
