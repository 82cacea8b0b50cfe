import type { Subject } from '../monitoring/observer.ts';
import { purposeOf } from '../monitoring/purpose.ts';
import type { CreateOptions, TaskOptions } from '../sandbox/types.ts';
import type { Services } from '../services/services.ts';

/** Of a sandbox that is asked for, and whose making may fail: as much as can be known of it. */
export function subjectOf({ settings }: Services, options: CreateOptions | TaskOptions): Subject {
  const { user, cron, trust, runtime = 'auto', purpose } = options;
  let name = user;
  try {
    name = settings.settingsFor({ user, cron, trust }).user;
  } catch {
    // What is wrong with it is told by the call itself.
  }
  const { project, task } = options as Partial<TaskOptions>;
  return {
    user: name ?? null,
    ...purposeOf({ project, task }, purpose),
    runtime: runtime === 'auto' ? null : runtime,
  };
}
