package main

import (
	"syscall"
	"unsafe"
)

// What runs before the Go runtime, or without it. Rules for this file and for runner_raw.go: only
// go:nosplit functions, which call nothing but each other and the assembler; no allocation, no slices that could fail a
// bounds check, no writes of pointers; what the kernel reads or writes are package variables, which start as zero or as
// constants (nobody runs other initialisers). A test looks at the machine code for calls that break these rules.

// entry is the program's first instruction; see entry_*.s.
func entry()

func rawSyscall(nr, a, b, c, d, e, f uintptr) uintptr
func rawVfork(stack uintptr) uintptr

// rawTLS stands in for the thread's own storage until the runtime, where it starts, makes its own.
var rawTLS [16]uint64

// startNofile is RLIMIT_NOFILE as the program found it: the runtime raises the soft limit, and commands must not
// inherit that. Both are 0 where the program was linked without entry (tests).
var startNofile [2]uint64

const (
	prSetPdeathsig      = 1
	prSetDumpable       = 4
	prSetSeccomp        = 22
	prSetChildSubreaper = 36
	prSetNoNewPrivs     = 38
	rlimitNofile        = 7
)

// rawMain looks at the arguments as the kernel left them. It returns if the Go runtime is to start.
//
//go:nosplit
func rawMain(stack *uintptr) {
	rawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0, 0, 0, 0)
	rawSyscall(syscall.SYS_PRLIMIT64, 0, rlimitNofile, 0, uintptr(unsafe.Pointer(&startNofile)), 0, 0)
	if *stack < 2 {
		return
	}
	arg := *(**byte)(unsafe.Add(unsafe.Pointer(stack), 16))
	if rawEqual(arg, "runner") {
		runnerMain()
	}
}

//go:nosplit
func rawEqual(c *byte, s string) bool {
	for i := 0; i < len(s); i++ {
		if *c != s[i] {
			return false
		}
		c = (*byte)(unsafe.Add(unsafe.Pointer(c), 1))
	}
	return *c == 0
}

// rawFailed tells an error, -4095 to -1, from a result.
//
//go:nosplit
func rawFailed(r uintptr) bool { return r > ^uintptr(4095) }

//go:nosplit
func rawExit(code uintptr) {
	for {
		rawSyscall(syscall.SYS_EXIT_GROUP, code, 0, 0, 0, 0, 0)
	}
}

var (
	rawAllSignals    = ^uint64(0)
	rawNoSignals     uint64
	rawDefaultAction [4]uint64
)

// rawQuiet blocks every signal that can be blocked and gives all of them their default action, which is what children
// inherit: the mask is lifted before their exec.
//
//go:nosplit
func rawQuiet() {
	rawSyscall(syscall.SYS_RT_SIGPROCMASK, 2, uintptr(unsafe.Pointer(&rawAllSignals)), 0, 8, 0, 0)
	for sig := uintptr(1); sig <= 64; sig++ {
		rawSyscall(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&rawDefaultAction)), 0, 8, 0, 0)
	}
}
