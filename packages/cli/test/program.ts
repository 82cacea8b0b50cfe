// The program on the reference adapter: what is under test is the command line.
import { referenceCli } from './reference-cli.ts';

const { REFERENCE_DIRECTORY, REFERENCE_KEEPS } = process.env;
const cli = referenceCli(REFERENCE_DIRECTORY, REFERENCE_KEEPS !== 'nothing');
process.exit(await cli.run(process.argv.slice(2)));
