package main

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// birthTimeout is for all runners that another one makes; without them the session starts more slowly.
const birthTimeout = 2 * time.Second

// multiply starts one runner, and has it make the others of the base, which is most of what starting a session would otherwise
// take. Only while no command has run: what a new runner says of itself is believed. What goes wrong is left to fill.
func (p *runnerPool) multiply() {
	first, err := p.spawn()
	if err != nil {
		return
	}
	var unborn []*os.File
	for missing := p.base() - 1; missing > 0; missing-- {
		file, err := first.orderAnother()
		if err != nil {
			break
		}
		unborn = append(unborn, file)
	}
	deadline := time.Now().Add(birthTimeout)
	for _, file := range unborn {
		_ = file.SetReadDeadline(deadline)
		if pid, ok := readBirth(file); ok && p.adopt(pid, file) {
			continue
		}
		_ = file.Close() // it ends when its socket does
	}
	p.release(first)
}

// orderAnother returns our end of the socket of a runner to come.
func (r *runnerProcess) orderAnother() (*os.File, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	_ = syscall.SetNonblock(pair[0], true)
	file := os.NewFile(uintptr(pair[0]), "runner")
	err = r.sendPacket([]byte{0}, syscall.UnixRights(pair[1]))
	syscall.Close(pair[1])
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func readBirth(file *os.File) (pid int, ok bool) {
	var buf [reportSize]byte
	if n, err := file.Read(buf[:]); err != nil || n != reportSize {
		return 0, false
	}
	report := *(*report)(unsafe.Pointer(&buf))
	return int(report.pid), report.kind == reportBorn
}

// adopt takes a runner that another one has made among ours.
func (p *runnerPool) adopt(pid int, file *os.File) bool {
	p.family.Lock()
	defer p.family.Unlock()
	if !isChild(pid) {
		return false
	}
	_ = file.SetReadDeadline(time.Time{})
	r := &runnerProcess{pool: p, pid: pid, file: file, reaped: make(chan struct{})}
	p.mu.Lock()
	p.all[pid] = r
	p.mu.Unlock()
	go r.listen()
	p.release(r)
	return true
}

// isChild: alive, or ended and not yet waited for, which reap does.
func isChild(pid int) bool {
	const waitForPid, noWait = 1, 0x01000000 // P_PID, WNOWAIT
	var info [16]uint64                      // siginfo_t has 128 bytes
	_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, waitForPid, uintptr(pid), uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOHANG|noWait, 0, 0)
	return pid > 1 && errno == 0
}
