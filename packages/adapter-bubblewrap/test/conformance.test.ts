import { jailConformance } from '@sandbox/jail-tests';
import { bubblewrap } from './bubblewrap.ts';

await jailConformance(bubblewrap);
