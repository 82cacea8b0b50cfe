// Floods its terminal, and notes in a file how often the event loop came round meanwhile.
import { writeFileSync } from 'node:fs';
import { write } from '../src/cli-io.ts';
import { unblocked } from '../src/execution/unblocked.ts';

const [, , file = '', mode] = process.argv;
if (!process.stdout.isTTY) throw new Error('this is no terminal');
using _unblocked = mode === 'unblocked' ? unblocked(process.stdout) : undefined;
let beats = 0;
const beat = setInterval(() => {
  beats += 1;
  writeFileSync(file, String(beats));
}, 20);
await write(process.stdout, 'flooding\n');
for (let count = 0; count < 40; count += 1) await write(process.stdout, `${'x'.repeat(99)}\n`.repeat(500));
clearInterval(beat);
await write(process.stdout, 'all is written\n');
