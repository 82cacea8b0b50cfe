package main

import (
	"syscall"
	"unsafe"
)

// The runner: one small process for each running command, and the parent of everything that the command leaves behind
// (a child subreaper), which is what makes strays findable. It has one thread and two states: waiting for an order, or
// waiting for children. It executes what it is told, reports how that ended and when nothing is left; killing is the
// agent's business, so a runner that was stopped or taken over cannot prevent it. See raw.go for how this must be written.

type rawVector struct {
	base uintptr
	size uintptr
}

type rawMessage struct {
	name        uintptr
	nameSize    uint64
	vectors     uintptr
	vectorCount uintptr
	control     uintptr
	controlSize uintptr
	flags       uint64
}

// runner is all that a runner knows. It is one package variable, zero until a runner uses it.
var runner struct {
	packet  [packetSize / 8]uint64
	vector  rawVector
	message rawMessage
	control [8]uint64 // cmsghdr (16 bytes) and up to 3 descriptors

	head   *launch // in packet, or in memory of its own if it is longer
	mapped uintptr
	size   uintptr

	fds     [3]int32
	fdCount uintptr
	failed  struct{ stage, errno uint32 } // written by the child, which shares the memory until it executes
	nofile  [2]uint64

	agent  uintptr // its pid
	status uint32
	usage  syscall.Rusage
	report report

	path   [32]byte // /proc/<pid>/oom_score_adj
	filter [16]rawFilter
	prog   struct {
		count  uint64
		filter uintptr
	}

	stack [2048]uint64 // the child's, until it executes
}

const agentDeathSignal = 63

const childSignalBit = 1 << (uint(syscall.SIGCHLD) - 1)

var rawChildSignal uint64 = childSignalBit

// runnerPause is 1 ms.
var runnerPause = syscall.Timespec{Nsec: 1000000}

//go:nosplit
func runnerMain() {
	rawQuiet()
	runnerBegin()
	rawSyscall(syscall.SYS_FCNTL, runnerSocket, syscall.F_SETFD, syscall.FD_CLOEXEC, 0, 0, 0)
	// Whatever else the agent itself was started with must not reach commands. Before Linux 5.9 one by one.
	if rawFailed(rawSyscall(sysCloseRange, runnerSocket+1, 0xffffffff, 0, 0, 0, 0)) {
		for fd := uintptr(runnerSocket + 1); fd < 1024; fd++ {
			rawSyscall(syscall.SYS_CLOSE, fd, 0, 0, 0, 0, 0)
		}
	}
	runnerFilter()
	for runnerReceive() {
		runnerRun()
		if runner.mapped != 0 {
			rawSyscall(syscall.SYS_MUNMAP, runner.mapped, runner.size, 0, 0, 0, 0)
			runner.mapped = 0
		}
	}
	rawExit(0)
}

// runnerBegin sets what a process does not inherit.
//
//go:nosplit
func runnerBegin() {
	rawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0, 0, 0, 0)
	runner.agent = rawSyscall(syscall.SYS_GETPPID, 0, 0, 0, 0, 0, 0)
	rawSyscall(syscall.SYS_PRCTL, prSetPdeathsig, agentDeathSignal, 0, 0, 0, 0)
}

// runnerMultiply makes a runner beside this one, a child of the agent like itself, at a fifth of what executing the program
// anew costs. It is left as it is by everything else: a copy of a runner that waits for orders.
//
//go:nosplit
func runnerMultiply(socket uintptr) {
	pid := rawSyscall(syscall.SYS_CLONE, syscall.CLONE_PARENT|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if pid != 0 {
		// Where there is none, closing its socket says so.
		rawSyscall(syscall.SYS_CLOSE, socket, 0, 0, 0, 0, 0)
		return
	}
	rawSyscall(syscall.SYS_DUP3, socket, runnerSocket, syscall.O_CLOEXEC, 0, 0, 0)
	rawSyscall(syscall.SYS_CLOSE, socket, 0, 0, 0, 0, 0)
	runnerBegin()
	runner.report.pid = int32(rawSyscall(syscall.SYS_GETPID, 0, 0, 0, 0, 0, 0))
	runnerReport(reportBorn)
}

// runnerReceive takes the next order to run something. False: the agent is gone.
//
//go:nosplit
func runnerReceive() bool {
	for {
		n := runnerPacket()
		if rawFailed(n) || n == 0 {
			return false
		}
		if n == 1 && runner.fdCount == 1 {
			runnerMultiply(uintptr(runner.fds[0]))
			continue
		}
		if n < uintptr(launchSize) || runner.fdCount != 3 {
			return false
		}
		return runnerUnpack(n)
	}
}

// runnerPacket takes the next packet with its descriptors, and returns its size.
//
//go:nosplit
func runnerPacket() uintptr {
	r := &runner
	r.vector.base = uintptr(unsafe.Pointer(&r.packet))
	r.vector.size = packetSize
	r.message.vectors = uintptr(unsafe.Pointer(&r.vector))
	r.message.vectorCount = 1
	r.message.control = uintptr(unsafe.Pointer(&r.control))
	r.message.controlSize = unsafe.Sizeof(r.control)
	var n uintptr
	for {
		n = rawSyscall(syscall.SYS_RECVMSG, runnerSocket, uintptr(unsafe.Pointer(&r.message)), syscall.MSG_CMSG_CLOEXEC, 0, 0, 0)
		if n != ^uintptr(syscall.EINTR)+1 {
			break
		}
	}
	r.fdCount = 0
	if r.message.controlSize >= 16 {
		r.fdCount = (uintptr(r.control[0]) - 16) / 4
	}
	r.fds[0] = int32(uint32(r.control[2]))
	r.fds[1] = int32(uint32(r.control[2] >> 32))
	r.fds[2] = int32(uint32(r.control[3]))
	return n
}

// runnerUnpack takes the rest of an order whose first packet has n bytes, and turns its offsets into pointers.
//
//go:nosplit
func runnerUnpack(n uintptr) bool {
	r := &runner
	head := (*launch)(unsafe.Pointer(&r.packet))
	base := uintptr(unsafe.Pointer(&r.packet))
	size := uintptr(head.size)
	if size > n {
		mapped := rawSyscall(syscall.SYS_MMAP, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS, ^uintptr(0), 0)
		if rawFailed(mapped) {
			return false
		}
		from, to := unsafe.Pointer(&r.packet), *(*unsafe.Pointer)(unsafe.Pointer(&mapped))
		for i := uintptr(0); i < n; i += 8 {
			*(*uint64)(unsafe.Add(to, i)) = *(*uint64)(unsafe.Add(from, i))
		}
		for n < size {
			more := rawSyscall(syscall.SYS_RECVFROM, runnerSocket, mapped+n, size-n, 0, 0, 0)
			if more == ^uintptr(syscall.EINTR)+1 {
				continue
			}
			if rawFailed(more) || more == 0 {
				return false
			}
			n += more
		}
		r.mapped, r.size = mapped, size
		head, base = (*launch)(to), mapped
	}
	runnerRelocate(base, base+uintptr(head.argv), head.argc)
	runnerRelocate(base, base+uintptr(head.envp), head.envc)
	runnerRelocate(base, base+uintptr(head.paths), head.pathc)
	head.argv += uint64(base)
	head.envp += uint64(base)
	head.paths += uint64(base)
	if head.cwd != 0 {
		head.cwd += uint64(base)
	}
	*(*uintptr)(unsafe.Pointer(&r.head)) = uintptr(unsafe.Pointer(head))
	return true
}

//go:nosplit
func runnerRelocate(base, table uintptr, count uint64) {
	entry := *(*unsafe.Pointer)(unsafe.Pointer(&table))
	for ; count > 0; count-- {
		*(*uint64)(entry) += uint64(base)
		entry = unsafe.Add(entry, 8)
	}
}

// runnerRun executes the order and waits until nothing of it is left.
//
//go:nosplit
func runnerRun() {
	r := &runner
	r.failed.stage, r.failed.errno = 0, 0
	r.report.status, r.report.stage, r.report.errno, r.report.clean = 0, 0, 0, 0
	r.report.userUs, r.report.sysUs, r.report.maxRSS = 0, 0, 0

	pid := rawVfork(uintptr(unsafe.Pointer(&r.stack)) + unsafe.Sizeof(r.stack))
	for i := uintptr(0); i < 3; i++ {
		rawSyscall(syscall.SYS_CLOSE, uintptr(*(*int32)(unsafe.Add(unsafe.Pointer(&r.fds), i*4))), 0, 0, 0, 0, 0)
	}
	if rawFailed(pid) {
		r.report.stage, r.report.errno = stageFork, uint32(-pid)
		runnerReport(reportFailed)
		return
	}
	if r.failed.stage != 0 {
		rawSyscall(syscall.SYS_WAIT4, pid, 0, syscall.WALL, 0, 0, 0)
		r.report.stage, r.report.errno = r.failed.stage, r.failed.errno
		runnerReport(reportFailed)
		return
	}
	r.report.pid = int32(pid)
	if (*(**launch)(unsafe.Pointer(&r.head))).flags&launchPrefer != 0 {
		runnerPreferForOOM(pid)
	}
	runnerReport(reportStarted)

	first := false // the first process has ended
	for {
		got := rawSyscall(syscall.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&r.status)), syscall.WNOHANG|syscall.WALL, uintptr(unsafe.Pointer(&r.usage)), 0, 0)
		if got == ^uintptr(syscall.EINTR)+1 {
			continue
		}
		if got == 0 {
			if first && r.report.kind != reportExited {
				runnerReport(reportExited)
			}
			// Every signal is blocked, so that none is lost between the look and this wait.
			rawSyscall(syscall.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&runnerSignals)), 0, 0, 8, 0, 0)
			if rawSyscall(syscall.SYS_GETPPID, 0, 0, 0, 0, 0, 0) != r.agent {
				runnerEndAll()
			}
			continue
		}
		if rawFailed(got) {
			break
		}
		r.report.userUs += uint64(r.usage.Utime.Sec)*1000000 + uint64(r.usage.Utime.Usec)
		r.report.sysUs += uint64(r.usage.Stime.Sec)*1000000 + uint64(r.usage.Stime.Usec)
		if uint64(r.usage.Maxrss) > r.report.maxRSS {
			r.report.maxRSS = uint64(r.usage.Maxrss)
		}
		if got == pid && !first {
			first = true
			r.report.status = r.status
		}
	}
	r.report.clean = 1
	if r.report.kind == reportExited {
		runnerReport(reportClean)
		return
	}
	runnerReport(reportExited)
}

// runnerSignals are what a busy runner waits for: its children, and the agent's end.
var runnerSignals uint64 = childSignalBit | 1<<(agentDeathSignal-1)

// runnerEndAll is what a runner does when the agent has been killed: nobody else will end the command now. Children that
// are killed leave theirs to us, so that in time all of the tree passes by here.
//
//go:nosplit
func runnerEndAll() {
	r := &runner
	for pass := 0; pass < 10000; pass++ {
		for {
			got := rawSyscall(syscall.SYS_WAIT4, ^uintptr(0), 0, syscall.WNOHANG|syscall.WALL, 0, 0, 0)
			if got == 0 {
				break
			}
			if rawFailed(got) {
				rawExit(0)
			}
		}
		rawAppend(unsafe.Pointer(&r.path), "/proc/thread-self/children\x00")
		file := rawSyscall(syscall.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(&r.path)), syscall.O_RDONLY|syscall.O_CLOEXEC, 0, 0, 0)
		if rawFailed(file) {
			rawSyscall(syscall.SYS_KILL, -uintptr(r.report.pid), uintptr(syscall.SIGKILL), 0, 0, 0, 0)
			rawExit(0)
		}
		pid := uintptr(0)
		for {
			n := rawSyscall(syscall.SYS_READ, file, uintptr(unsafe.Pointer(&r.packet)), packetSize, 0, 0, 0)
			if rawFailed(n) || n == 0 {
				break
			}
			for i := uintptr(0); i < n; i++ {
				c := *(*byte)(unsafe.Add(unsafe.Pointer(&r.packet), i))
				if c >= '0' && c <= '9' {
					pid = pid*10 + uintptr(c-'0')
					continue
				}
				if pid > 1 {
					rawSyscall(syscall.SYS_KILL, pid, uintptr(syscall.SIGKILL), 0, 0, 0, 0)
				}
				pid = 0
			}
		}
		rawSyscall(syscall.SYS_CLOSE, file, 0, 0, 0, 0, 0)
		rawSyscall(syscall.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&rawChildSignal)), 0, uintptr(unsafe.Pointer(&runnerPause)), 8, 0, 0)
	}
	rawExit(1)
}

//go:nosplit
func runnerReport(kind uint32) {
	runner.report.kind = kind
	for {
		n := rawSyscall(syscall.SYS_SENDTO, runnerSocket, uintptr(unsafe.Pointer(&runner.report)), unsafe.Sizeof(runner.report), syscall.MSG_NOSIGNAL, 0, 0)
		if n == ^uintptr(syscall.EINTR)+1 {
			continue
		}
		if rawFailed(n) {
			runnerEndAll() // the agent is gone
		}
		return
	}
}

// runnerPreferForOOM makes the command a better victim than the agent when memory runs out, where it has not inherited
// that. The child cannot do it: until it executes it shares our memory and is as undumpable as we are, so that its files in
// /proc belong to root.
//
//go:nosplit
func runnerPreferForOOM(pid uintptr) {
	at := unsafe.Pointer(&runner.path)
	at = rawAppend(at, "/proc/")
	digits := uintptr(1)
	for p := pid; p >= 10; p /= 10 {
		digits++
	}
	for i := digits; i > 0; i-- {
		*(*byte)(unsafe.Add(at, i-1)) = byte('0' + pid%10)
		pid /= 10
	}
	rawAppend(unsafe.Add(at, digits), "/oom_score_adj\x00")
	file := rawSyscall(syscall.SYS_OPENAT, ^uintptr(99), uintptr(unsafe.Pointer(&runner.path)), syscall.O_WRONLY|syscall.O_CLOEXEC, 0, 0, 0)
	if rawFailed(file) {
		return
	}
	rawAppend(unsafe.Pointer(&runner.path), "500")
	rawSyscall(syscall.SYS_WRITE, file, uintptr(unsafe.Pointer(&runner.path)), 3, 0, 0, 0)
	rawSyscall(syscall.SYS_CLOSE, file, 0, 0, 0, 0, 0)
}

//go:nosplit
func rawAppend(at unsafe.Pointer, s string) unsafe.Pointer {
	for i := 0; i < len(s); i++ {
		*(*byte)(at) = s[i]
		at = unsafe.Add(at, 1)
	}
	return at
}

// runnerChild is the new process up to its exec. It shares the runner's memory, but nothing else.
//
//go:nosplit
func runnerChild() {
	r := &runner
	head := *(**launch)(unsafe.Pointer(&r.head))
	if e := rawSyscall(syscall.SYS_SETSID, 0, 0, 0, 0, 0, 0); rawFailed(e) {
		runnerChildFails(stageSession, e)
	}
	if head.flags&launchTerminal != 0 {
		if e := rawSyscall(syscall.SYS_IOCTL, uintptr(r.fds[0]), syscall.TIOCSCTTY, 0, 0, 0, 0); rawFailed(e) {
			runnerChildFails(stageTerminal, e)
		}
	}
	for i := uintptr(0); i < 3; i++ {
		fd := *(*int32)(unsafe.Add(unsafe.Pointer(&r.fds), i*4))
		if e := rawSyscall(syscall.SYS_DUP3, uintptr(fd), i, 0, 0, 0, 0); rawFailed(e) {
			runnerChildFails(stageStdio, e)
		}
	}
	if head.cwd != 0 {
		if e := rawSyscall(syscall.SYS_CHDIR, uintptr(head.cwd), 0, 0, 0, 0, 0); rawFailed(e) {
			runnerChildFails(stageCwd, e)
		}
	}
	if head.nofileSoft != 0 {
		r.nofile[0], r.nofile[1] = head.nofileSoft, head.nofileHard
		rawSyscall(syscall.SYS_PRLIMIT64, 0, rlimitNofile, uintptr(unsafe.Pointer(&r.nofile)), 0, 0, 0)
	}
	rawSyscall(syscall.SYS_RT_SIGPROCMASK, 2, uintptr(unsafe.Pointer(&rawNoSignals)), 0, 8, 0, 0)

	// As execvp: what cannot be executed is remembered and the search goes on; what is not there is passed over.
	last, denied := ^uintptr(syscall.ENOENT)+1, false
	at := uintptr(head.paths)
	entry := *(*unsafe.Pointer)(unsafe.Pointer(&at))
search:
	for i := uint64(0); i < head.pathc; i++ {
		tried := *(*uint64)(entry)
		last = rawSyscall(syscall.SYS_EXECVE, uintptr(tried), uintptr(head.argv), uintptr(head.envp), 0, 0, 0)
		entry = unsafe.Add(entry, 8)
		switch -last {
		case uintptr(syscall.EACCES):
			// A directory of PATH that may not be searched has nothing; a file that may not be executed is remembered.
			if head.pathc == 1 || !rawFailed(rawSyscall(syscall.SYS_FACCESSAT, ^uintptr(99), uintptr(tried), 0, 0, 0, 0)) {
				denied = true
			} else {
				last = ^uintptr(syscall.ENOENT) + 1
			}
		case uintptr(syscall.ENOENT), uintptr(syscall.ENOTDIR), uintptr(syscall.ESTALE), uintptr(syscall.ENODEV), uintptr(syscall.ETIMEDOUT):
		default:
			denied = false
			break search
		}
	}
	if denied {
		last = ^uintptr(syscall.EACCES) + 1
	}
	runnerChildFails(stageExec, last)
}

//go:nosplit
func runnerChildFails(stage uint32, result uintptr) {
	runner.failed.errno = uint32(-result)
	runner.failed.stage = stage
	rawExit(127)
}
