package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// oomScore makes commands better victims than the agent when memory runs out: the agent's own score is raised while a runner
// is forked, which keeps it and hands it on to its commands before they run their first instruction.
type oomScore struct {
	fd  int // of our own oom_score_adj; -1: it cannot be written
	own string
}

// preferred is added to the own score. It counts thousandths of the memory that there is.
const preferred = 500

// openOOMScore opens the file. An undumpable process's files in /proc belong to root; another user opens it by being
// dumpable for a moment, which is safe only where no other process could use that: as the first of its PID namespace.
func openOOMScore() *oomScore {
	if os.Getuid() != 0 && os.Getpid() == 1 {
		syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 1, 0)
		defer syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	}
	fd, err := syscall.Open("/proc/self/oom_score_adj", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return &oomScore{fd: -1}
	}
	var text [16]byte
	n, err := syscall.Pread(fd, text[:], 0)
	if err != nil || n <= 0 {
		syscall.Close(fd)
		return &oomScore{fd: -1}
	}
	return &oomScore{fd, strings.TrimSpace(string(text[:n]))}
}

// inherited says if runners hand the score on.
func (o *oomScore) inherited() bool { return o.fd >= 0 }

func (o *oomScore) raise() {
	own, _ := strconv.Atoi(o.own)
	if own += preferred; own > 1000 {
		own = 1000
	}
	o.write(strconv.Itoa(own))
}

// restore is always allowed: who may not lower the score below what it was may lower it to that.
func (o *oomScore) restore() { o.write(o.own) }

func (o *oomScore) write(score string) {
	if o.fd >= 0 {
		_, _ = syscall.Pwrite(o.fd, []byte(score), 0)
	}
}
