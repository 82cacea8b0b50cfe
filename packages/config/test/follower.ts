// Follows a file for as long as its stdin is open. Nothing else keeps it running.
import { openConfig } from '../src/index.ts';

await openConfig({ file: process.argv[2], watch: { intervalMs: 10 } });
process.stdout.write('following\n');
process.stdin.resume();
