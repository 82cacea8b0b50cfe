// The program that looks at code, for `lane.ts`. A process of its own, because parsing what somebody crafted can take any time and memory.
import { incomplete } from './code-warning.ts';
import { inspect } from './inspect.ts';
import type { LaneAnswer, LaneRequest } from './lane.ts';
import { checksFor } from './rules/index.ts';

const answer = (message: LaneAnswer, sent: () => void = () => {}) => void process.send?.(message, sent);

// Not `process.exit()`: it waits for V8's threads, and one of them can wait for a garbage collection that this thread does not make any more.
const end = () => void process.kill(process.pid, 'SIGKILL');

const parent = process.ppid;
process.on('disconnect', end);
if (!process.connected) end();
process.on('message', async ({ id, code, language, timeoutMs }: LaneRequest) => {
  const until = performance.now() + timeoutMs;
  // While it parses, it hears of nothing: an orphan has another parent.
  const late = () => performance.now() > until || process.ppid !== parent;
  try {
    for await (const findings of inspect(code, checksFor(language), late)) answer({ id, findings });
    answer({ id, findings: null });
  } catch (error) {
    const what = incomplete('failure', `not everything was checked: ${(error as Error).name}`);
    // Who knows what state the parser is in.
    answer({ id, findings: [what] }, end);
  }
});
