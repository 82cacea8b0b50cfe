package main

import (
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"unsafe"
)

const (
	// ownThreads is how many threads the agent has, always: made at the start, so that none is needed when the commands
	// have used up the pids limit (a Go program that cannot make a thread dies).
	ownThreads = 32

	// ownTasks is what the agent takes of the pids limit: its threads, and for the rest runners, processes of one thread.
	// The host adds it to the limit, so that what is left is what the user asked for.
	ownTasks = 48
)

func sessionMain() int {
	protect()
	processors := runtime.NumCPU()
	if processors < 2 {
		processors = 2
	}
	if processors > 4 {
		processors = 4
	}
	runtime.GOMAXPROCS(processors)
	s := newSession(newMachine(ownTasks), standard(1), startRequest)
	makeThreads(ownThreads)
	s.pool.fillUp()
	return s.run(standard(0))
}

// protect keeps the process from what its commands could do to it.
func protect() {
	syscall.Syscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0) // again, for a build without entry
	syscall.Syscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
	// No command may have more than this process, whether the runtime has seen to that or not: it cannot where root, who comes in by
	// an exec, is to have the capabilities that this process then begins with. Signals bring it to the other threads.
	syscall.AllThreadsSyscall(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0)
	takeSignals()
	// The environment is the image's: what it may say to a Go program must not count here.
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(math.MaxInt64)
}

// standard gives stdin or stdout. Where they are pipes or sockets they do not block, so that waiting for them takes no thread.
func standard(fd int) *os.File {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) == nil {
		if kind := st.Mode & syscall.S_IFMT; kind == syscall.S_IFIFO || kind == syscall.S_IFSOCK {
			_ = syscall.SetNonblock(fd, true)
		}
	}
	return os.NewFile(uintptr(fd), "stream")
}

// takeSignals makes every signal harmless. Ignoring is done below the runtime, which would otherwise take a SIGSEGV that a
// command has queued for a fault of its own; a real fault still ends the agent.
func takeSignals() {
	signal.Ignore(syscall.SIGPIPE)
	ignore := [4]uintptr{1}
	for sig := uintptr(1); sig <= 64; sig++ {
		switch syscall.Signal(sig) {
		case syscall.SIGCHLD, syscall.SIGURG: // ours; the runtime's
		default:
			syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&ignore)), 0, 8, 0, 0)
		}
	}
}

// makeThreads brings this process to n threads, or to a few more, which the runtime makes when it wakes them all. It keeps
// threads that it has once made, and makes no other while it has idle ones.
func makeThreads(n int) {
	var parked sync.WaitGroup
	release := make(chan struct{})
	for i := 0; i < 2*n && countThreads() < n; i++ {
		ready := make(chan struct{})
		parked.Add(1)
		go func() {
			runtime.LockOSThread()
			close(ready)
			<-release
			runtime.UnlockOSThread()
			parked.Done()
		}()
		<-ready
	}
	close(release)
	parked.Wait()
}

// countThreads: the directory of a process's threads has a link for each, and two of its own.
func countThreads() int {
	var st syscall.Stat_t
	var err error
	briefly(func() { err = syscall.Stat("/proc/self/task", &st) })
	if err != nil {
		return 0
	}
	return int(st.Nlink) - 2
}
