import { jailConformance } from '@sandbox/jail-tests';
import { nsjail } from './nsjail.ts';

await jailConformance(nsjail);
