import { styleText } from 'node:util';

/**
 * What a person sees while this works: on a terminal the step at hand with the time it has taken, elsewhere only
 * the notes, one line each. Everything goes to stderr, as stdout is for results.
 */
export interface Progress {
  /** Shown for as long as the work takes; leaves no line behind when it succeeds. */
  step<T>(label: string, work: () => Promise<T>): Promise<T>;
  /** A line that stays. */
  note(line: string): void;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const live = stream.isTTY === true && process.env.TERM !== 'dumb';
  let label = '';
  let startedAt = 0;
  let frame = 0;

  const clear = () => live && stream.write('\r\x1b[K');
  const draw = () => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    const line = `${frames[frame++ % frames.length]} ${label} (${seconds} s)`;
    stream.write(`\r\x1b[K${line.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`);
  };

  return {
    async step(name, work) {
      if (!live) return await work();
      const outer = { label, startedAt };
      label = name;
      startedAt = performance.now();
      draw();
      const timer = setInterval(draw, 100);
      try {
        return await work();
      } finally {
        clearInterval(timer);
        clear();
        ({ label, startedAt } = outer);
      }
    },
    note(line) {
      clear();
      stream.write(`${styleText('dim', line, { stream })}\n`);
    },
  };
}
