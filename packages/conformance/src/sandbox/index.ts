import type { Group } from '../harness/case.ts';
import type { SandboxContext } from '../harness/sandbox-context.ts';
import { concurrency } from './concurrency.ts';
import { detached } from './detached.ts';
import { endings } from './endings.ts';
import { exec } from './exec.ts';
import { files } from './files.ts';
import { forgery } from './forgery.ts';
import { inside } from './inside.ts';
import { life } from './life.ts';
import { refusals } from './refusals.ts';
import { remains } from './remains.ts';
import { report } from './report.ts';
import { stdio } from './stdio.ts';
import { timeouts } from './timeouts.ts';
import { transfer } from './transfer.ts';

/** What users get: the sandboxes that core makes with the adapter. */
export const sandboxGroups: readonly Group<SandboxContext>[] = [
  exec,
  stdio,
  timeouts,
  files,
  transfer,
  endings,
  inside,
  forgery,
  life,
  detached,
  concurrency,
  refusals,
  report,
  remains,
];
