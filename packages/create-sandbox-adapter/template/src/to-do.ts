import { SandboxError } from '@sandbox/core';

/** What is to be done, in an order in which it can be. Delete this file with the last of it. */
const STEPS = {
  probe: 'look whether the runtime is there, and say what it can do on this host',
  create:
    'make a sandbox in state created, and do not start it; all of the spec, or an error that names what cannot be',
  start: 'start the main process; with attach, hand out its three streams as a RawProcess',
  inspect: 'tell the state, the labels and when it was made; NOT_FOUND when there is none',
  list: 'tell of all sandboxes that carry every one of these labels, and dev.sandbox.managed=true',
  kill: 'end all processes and keep the files; what does not run, or is gone, is a success',
  stop: 'TERM to the main process, KILL after graceMs; what does not run, or is gone, is a success',
  remove: 'end it and remove all that belongs to it, and look whether it is gone; what is gone is a success',
  exec: 'start one more process in a running sandbox, confined like the first; FAILED_PRECONDITION unless it runs',
  stats: 'tell memory, processor time and the number of processes of all of the sandbox',
} as const;

export type Step = keyof typeof STEPS;

export function describeStep(step: Step): string {
  const steps = Object.keys(STEPS);
  return `to do, ${steps.indexOf(step) + 1} of ${steps.length}: ${step}: ${STEPS[step]}`;
}

/** Not UNSUPPORTED: that would be a promise that it never will be. */
export function toDo(step: Step): SandboxError {
  return new SandboxError('UNKNOWN', describeStep(step), {
    operation: step,
    runtime: 'example',
    hint: 'The contract is RuntimeAdapter of @sandbox/core: its members say what each has to do.',
  });
}
