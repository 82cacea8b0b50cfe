import { type ConditionalCall, deniedCalls } from '@sandbox/daemonless';

/** The filter of every jail, in Kafel's language, which has the kernel's own names of system calls: an unknown name fails the jail. Pure. */
export function seccompPolicy(architecture: 'amd64' | 'arm64', allowChroot: boolean): string {
  const { always, conditional, missing, ignored } = deniedCalls(architecture, allowChroot);
  return `POLICY sandbox_deny {
  ERRNO(1) { ${[...always, ...conditional.map(condition)].join(', ')} },
  ERRNO(38) { ${missing.join(', ')} },
  ERRNO(0) { ${ignored.map(condition).join(', ')} }
}
USE sandbox_deny DEFAULT ALLOW`;
}

function condition({ name, argument, when, values }: ConditionalCall): string {
  const terms = {
    'any-bit': () => values.map((value) => `(${argument} & ${hex(value)}) != 0`).join(' || '),
    'one-of': () => values.map((value) => `${argument} == ${hex(value)}`).join(' || '),
    'none-of': () => values.map((value) => `${argument} != ${hex(value)}`).join(' && '),
  };
  return `${name} { ${terms[when]()} }`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
