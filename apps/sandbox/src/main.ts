import { createRequire } from 'node:module';
import { createCli } from '@sandbox/cli';
import { adapters } from './adapters.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

// Whatever is still open (a stdin that nobody will write to, an engine that hangs) does not hold up the end.
process.exit(
  await createCli({ adapters, directory: import.meta.dirname, name: 'sandbox', version }).run(
    process.argv.slice(2),
  ),
);
