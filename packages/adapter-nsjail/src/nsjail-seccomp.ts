/** System calls of x86-64 alone: an unknown name fails the jail. */
const ONLY_X86 =
  'ioperm iopl modify_ldt uselib ustat sysfs create_module get_kernel_syms query_module nfsservctl lookup_dcookie';

const DENIED = `unshare setns mount umount pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr
  bpf perf_event_open userfaultfd init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
  acct quotactl quotactl_fd syslog settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname vhangup
  add_key request_key keyctl open_by_handle_at name_to_handle_at ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise
  move_pages migrate_pages mbind set_mempolicy get_mempolicy fanotify_init io_uring_setup io_uring_enter io_uring_register`;

/** New namespaces by `clone`, TIOCSTI and TIOCLINUX, ALG, VSOCK and packet sockets, personalities that weaken a program. */
const CONDITIONAL = [
  'clone { (clone_flags & 0x7E020000) != 0 }',
  'ioctl { cmd == 0x5412 || cmd == 0x541C }',
  'socket { family == 38 || family == 40 || family == 17 }',
  'personality { personality != 0 && personality != 0xffffffff && personality != 0x20000 && personality != 0x40000 }',
];

/**
 * The filter of every jail, in Kafel's language, with the kernel's own names of system calls. `prctl(PR_SET_PDEATHSIG)` pretends to succeed: a program
 * that could take the signal back would outlive nsjail. `clone3` is not there, because a filter cannot see its flags.
 */
export function seccompPolicy(architecture: 'amd64' | 'arm64', allowChroot: boolean): string {
  const names = [...words(DENIED), ...(architecture === 'amd64' ? words(ONLY_X86) : [])];
  const denied = [...names.filter((name) => !(allowChroot && name === 'chroot')), ...CONDITIONAL];
  return `POLICY sandbox_deny {
  ERRNO(1) { ${denied.join(', ')} },
  ERRNO(38) { clone3 },
  ERRNO(0) { prctl { option == 1 } }
}
USE sandbox_deny DEFAULT ALLOW`;
}

function words(text: string): string[] {
  return text.split(/\s+/);
}
