package main

import (
	"syscall"
	"unsafe"
)

type rawFilter struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

const (
	bpfLoad   = 0x20 // A = 4 bytes of seccomp_data at k
	bpfAnd    = 0x54 // A &= k
	bpfEqual  = 0x15 // A == k: skip jt, otherwise jf
	bpfReturn = 0x06

	seccompAllow = 0x7fff0000
	seccompErrno = 0x00050000
)

// runnerFilter refuses prlimit on other processes, to this process and so to every command: a command of the same user
// could otherwise take the agent's descriptors or CPU time away (undumpable does not cover it). A kernel takes it from who has
// CAP_SYS_ADMIN or has set no-new-privileges, which the agent has (protect.go). Should there be no
// filter all the same, an agent that was robbed ends the session and says so.
//
//go:nosplit
func runnerFilter() {
	f := &runner.filter
	f[0] = rawFilter{bpfLoad, 0, 0, 4} // the architecture
	f[1] = rawFilter{bpfEqual, 2, 0, filterArch}
	f[2] = rawFilter{bpfEqual, 4, 0, filterCompatArch}
	f[3] = rawFilter{bpfReturn, 0, 0, seccompAllow}
	f[4] = rawFilter{bpfLoad, 0, 0, 0} // the call; x32 sets bit 30
	f[5] = rawFilter{bpfAnd, 0, 0, 0xbfffffff}
	f[6] = rawFilter{bpfEqual, 3, 2, syscall.SYS_PRLIMIT64}
	f[7] = rawFilter{bpfLoad, 0, 0, 0}
	f[8] = rawFilter{bpfEqual, 1, 0, filterCompatPrlimit}
	f[9] = rawFilter{bpfReturn, 0, 0, seccompAllow}
	f[10] = rawFilter{bpfLoad, 0, 0, 16} // the pid
	f[11] = rawFilter{bpfEqual, 0, 1, 0}
	f[12] = rawFilter{bpfReturn, 0, 0, seccompAllow}
	f[13] = rawFilter{bpfReturn, 0, 0, seccompErrno | uint32(syscall.EPERM)}
	runner.prog.count = 14
	runner.prog.filter = uintptr(unsafe.Pointer(f))
	prog := uintptr(unsafe.Pointer(&runner.prog))
	if rawFailed(rawSyscall(syscall.SYS_PRCTL, prSetSeccomp, 2, prog, 0, 0, 0)) {
		rawSyscall(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0)
		rawSyscall(syscall.SYS_PRCTL, prSetSeccomp, 2, prog, 0, 0, 0)
	}
}
