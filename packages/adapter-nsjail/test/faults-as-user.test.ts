import { becomeOrdinaryUser } from './as-ordinary-user.ts';
import { faults } from './faults.ts';
import { nsjailIsHere } from './nsjail-here.ts';
import { paths } from './paths.ts';
import { rights } from './rights.ts';

const here = await nsjailIsHere();
if (here) becomeOrdinaryUser();
faults(here);
paths(here);
rights(here);
