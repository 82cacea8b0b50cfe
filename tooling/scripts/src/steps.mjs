// What `npm start` and `npm test` show. Starts on Node 20 with nothing installed: node built-ins only.

const { stdout } = process;
/** Whether what is shown may have colours. */
export const colour = stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const live = stdout.isTTY === true && process.env.TERM !== 'dumb';
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** @param {string} code @param {string} text */
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
/** @param {string} text */
export const bold = (text) => paint('1', text);
/** @param {string} text */
export const dim = (text) => paint('2', text);
/** @param {string} text */
const green = (text) => paint('32', text);
/** @param {string} text */
const red = (text) => paint('31', text);

/** A step went wrong; `output` is all there is to know about it. */
export class StepFailed extends Error {
  /** @param {string} message @param {string} [output] */
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/**
 * Shows one step: while it runs, on a terminal, a spinner with its time; then one line.
 *
 * @param {string} label
 * @param {() => Promise<string | void>} work its result is shown beside the label; throws StepFailed
 * @param {{ quiet?: boolean }} [options] `quiet`: the step draws on the terminal itself while it runs
 */
export async function step(label, work, { quiet = false } = {}) {
  const startedAt = performance.now();
  const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  let frame = 0;
  const draw = () => stdout.write(`\r\x1b[K${frames[frame++ % frames.length]} ${label} ${dim(seconds())}`);
  const timer = live && !quiet ? setInterval(draw, 100) : undefined;
  const settle = () => {
    if (timer === undefined) return;
    clearInterval(timer);
    stdout.write('\r\x1b[K');
  };
  try {
    const note = await work();
    settle();
    stdout.write(`${green('✓')} ${[label, note].filter(Boolean).join(': ')} ${dim(`(${seconds()})`)}\n`);
  } catch (error) {
    settle();
    stdout.write(`${red('✗')} ${label} ${dim(`(${seconds()})`)}\n`);
    throw error;
  }
}
