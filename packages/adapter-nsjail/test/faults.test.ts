import { jailFaults } from '@sandbox/jail-tests';
import { nsjail } from './nsjail.ts';

await jailFaults(nsjail);
