/** System calls of x86-64 alone. */
const ONLY_AMD64 =
  'ioperm iopl modify_ldt uselib ustat sysfs create_module get_kernel_syms query_module nfsservctl lookup_dcookie';

const ALWAYS = `unshare setns mount umount pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr
  bpf perf_event_open userfaultfd init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
  acct quotactl quotactl_fd syslog settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname vhangup
  add_key request_key keyctl open_by_handle_at name_to_handle_at ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise
  move_pages migrate_pages mbind set_mempolicy get_mempolicy fanotify_init io_uring_setup io_uring_enter io_uring_register`;

/** One that is denied by what an argument of it, as 32 bits, is. */
export interface ConditionalCall {
  readonly name: string;
  /** For people, and for languages that name arguments. */
  readonly argument: string;
  /** Counted from 0. */
  readonly index: number;
  /** `any-bit`: one of these bits is set. `one-of`: it is one of these. `none-of`: it is none of them. */
  readonly when: 'any-bit' | 'one-of' | 'none-of';
  readonly values: readonly number[];
}

/** New namespaces by `clone`, TIOCSTI and TIOCLINUX, ALG, VSOCK and packet sockets, personalities that weaken a program. */
const CONDITIONAL: readonly ConditionalCall[] = [
  { name: 'clone', argument: 'clone_flags', index: 0, when: 'any-bit', values: [0x7e020000] },
  { name: 'ioctl', argument: 'cmd', index: 1, when: 'one-of', values: [0x5412, 0x541c] },
  { name: 'socket', argument: 'family', index: 0, when: 'one-of', values: [38, 40, 17] },
  {
    ...{ name: 'personality', argument: 'personality', index: 0, when: 'none-of' },
    values: [0, 0xffffffff, 0x20000, 0x40000],
  },
];

/**
 * What the filter of every jail denies; all else is allowed. Names are the kernel's own: `umount` is what user space calls `umount2`. `clone3` is said not to be there,
 * because a filter cannot see its flags. `prctl(PR_SET_PDEATHSIG)` only pretends to succeed: a program that could take the signal back would outlive who made the jail.
 */
export interface DeniedCalls {
  /** With EPERM. */
  readonly always: readonly string[];
  /** With EPERM. */
  readonly conditional: readonly ConditionalCall[];
  /** With ENOSYS. */
  readonly missing: readonly string[];
  /** With success, and nothing done. */
  readonly ignored: readonly ConditionalCall[];
}

/** Pure. */
export function deniedCalls(architecture: 'amd64' | 'arm64', allowChroot: boolean): DeniedCalls {
  const always = [...words(ALWAYS), ...(architecture === 'amd64' ? words(ONLY_AMD64) : [])];
  return {
    always: always.filter((name) => !(allowChroot && name === 'chroot')),
    conditional: CONDITIONAL,
    missing: ['clone3'],
    ignored: [{ name: 'prctl', argument: 'option', index: 0, when: 'one-of', values: [1] }],
  };
}

function words(text: string): string[] {
  return text.split(/\s+/);
}
