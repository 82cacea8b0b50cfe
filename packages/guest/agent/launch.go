package main

import "unsafe"

// What agent and runner say to each other over their socket pair (SOCK_SEQPACKET, so packets keep their borders).

const (
	runnerSocket = 3 // the runner's end; its 0, 1 and 2 are /dev/null

	// packetSize is the most that one packet carries. A launch that is longer (argv and env may have 2 MiB) follows in
	// further packets, of which all but the last are full.
	packetSize = 32 << 10

	sysCloseRange = 436 // on every architecture

	launchTerminal = 1 // stdin is a terminal that the command's session takes over
	launchPrefer   = 2 // the command is not yet a better victim than the agent when memory runs out: see oomscore.go
)

// A packet of one byte that carries one descriptor, a socket of its own, orders a runner to make one more: see multiply.go.

// launch is the head of the order to run a command. Offsets count from its first byte; the three tables are arrays of
// 8-byte offsets of NUL-terminated strings, which the runner turns into pointers in place. The first packet carries the
// descriptors that become 0, 1 and 2.
type launch struct {
	size       uint64 // of everything: head, tables, strings
	flags      uint64
	argc       uint64
	argv       uint64 // argc+1 entries
	envc       uint64
	envp       uint64 // envc+1 entries
	pathc      uint64
	paths      uint64 // what to try to execute, in this order
	cwd        uint64 // 0: stay
	nofileSoft uint64 // RLIMIT_NOFILE of the command; a soft limit of 0: leave it
	nofileHard uint64
}

const launchSize = uint64(unsafe.Sizeof(launch{}))

const (
	reportStarted = 1 + iota // the program has been executed: pid
	reportFailed             // it has not: stage and errno. Nothing is left
	reportExited             // the first process has ended: status. clean says if nothing is left
	reportClean              // nothing is left
	reportBorn               // from a new runner: pid
)

const (
	stageFork = 1 + iota
	stageSession
	stageTerminal
	stageStdio
	stageCwd
	stageExec
)

// report is what a runner answers. The usage is of everything that it has waited for so far.
type report struct {
	kind   uint32
	pid    int32
	status uint32
	stage  uint32
	errno  uint32
	clean  uint32
	userUs uint64
	sysUs  uint64
	maxRSS uint64 // KiB
}

const reportSize = int(unsafe.Sizeof(report{}))
