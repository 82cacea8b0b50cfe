import { jailFaults } from '@sandbox/jail-tests';
import { bubblewrap } from './bubblewrap.ts';

await jailFaults(bubblewrap);
