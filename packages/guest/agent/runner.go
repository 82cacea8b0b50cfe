package main

import (
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// runnerProcess is a runner seen from the agent.
type runnerProcess struct {
	pool   *runnerPool
	pid    int
	file   *os.File      // the agent's end of the socket, non-blocking
	reaped chan struct{} // closed when it is gone and its children are ours

	mu      sync.Mutex
	command *command // who it works for
	gone    bool
}

// listen hands on what the runner reports.
func (r *runnerProcess) listen() {
	var buf [reportSize]byte
	for r.nextReport(buf[:]) {
		report := *(*report)(unsafe.Pointer(&buf))
		r.mu.Lock()
		c := r.command
		r.mu.Unlock()
		if c != nil {
			c.reported(report)
		}
	}
	r.mu.Lock()
	r.gone = true
	c := r.command
	r.mu.Unlock()
	closeFile(r.file)
	r.kill()
	if c != nil {
		c.lostRunner(r)
	}
}

func (r *runnerProcess) nextReport(buf []byte) bool {
	raw, err := r.file.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	waited := raw.Read(func(fd uintptr) bool {
		n, err = quickRead(fd, buf)
		return err != syscall.EAGAIN
	})
	return waited == nil && err == nil && n == reportSize
}

// kill ends the runner, whatever it is doing. Its children become ours.
func (r *runnerProcess) kill() {
	r.pool.family.Lock()
	defer r.pool.family.Unlock()
	r.pool.mu.Lock()
	known := r.pool.all[r.pid] == r // not reaped: the pid is still its own
	r.pool.mu.Unlock()
	if known {
		quickKill(r.pid, syscall.SIGKILL)
	}
}

func (r *runnerProcess) isGone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

func (r *runnerProcess) assign(c *command) {
	r.mu.Lock()
	r.command = c
	r.mu.Unlock()
}

// send gives the runner an order, with the descriptors that become the command's 0, 1 and 2.
func (r *runnerProcess) send(order []byte, fds [3]int) error {
	rights := syscall.UnixRights(fds[0], fds[1], fds[2])
	for len(order) > 0 {
		packet := order
		if len(packet) > packetSize {
			packet = packet[:packetSize]
		}
		if err := r.sendPacket(packet, rights); err != nil {
			return err
		}
		order, rights = order[len(packet):], nil
	}
	return nil
}

func (r *runnerProcess) sendPacket(packet, rights []byte) error {
	raw, err := r.file.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var sent error
		err := raw.Write(func(fd uintptr) bool {
			briefly(func() { sent = syscall.Sendmsg(int(fd), packet, rights, nil, syscall.MSG_NOSIGNAL) })
			return sent != syscall.EAGAIN
		})
		if err != nil {
			return err
		}
		if sent != syscall.EINTR {
			return sent
		}
	}
}
