package main

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"
)

const fSetPipeSize = 1031 // F_SETPIPE_SZ

var longAgo = time.Unix(1, 0)

// stream is an output of a command on its way to the host.
type stream struct {
	c       *command
	channel byte
	file    *os.File
	ended   bool // nothing more comes; under c.mu
	said    bool // and the host has been told; under c.mu
}

// pump copies until the end of the stream, or until the host wants no more.
func (s *stream) pump() {
	s.copy()
	if s.c.terminal == nil {
		closeFile(s.file) // who still writes gets SIGPIPE
	}
	s.c.streamEnded(s)
}

func (s *stream) copy() {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	credit := s.c.out[s.channel]
	size, grown, final := smallData, false, -1 // final: how much is still read, once that is decided
	for final != 0 {
		want := credit.take(size)
		if want == 0 {
			s.discard(raw)
			return
		}
		if final > 0 && want > final {
			credit.add(want - final)
			want = final
		}
		var buf *[]byte
		got := 0
		var failed error
		waited := raw.Read(func(fd uintptr) bool {
			buf = takeBuffer(want)
			got, failed = quickRead(fd, (*buf)[headerSize:headerSize+want])
			if failed == syscall.EAGAIN && final < 0 {
				giveBuffer(buf)
				buf = nil
				return false
			}
			return true
		})
		if got < want {
			credit.add(want - got)
		}
		if got > 0 {
			s.c.send(kindData, s.channel, (*buf)[:headerSize+got])
		}
		if buf != nil {
			giveBuffer(buf)
		}
		if errors.Is(waited, os.ErrDeadlineExceeded) && final < 0 {
			// The command is gone, others hold its output open: what is there now is the rest of it.
			_ = s.file.SetReadDeadline(time.Time{})
			final = readable(raw)
			continue
		}
		if waited != nil || failed != nil || got == 0 {
			return
		}
		if final > 0 {
			final -= got
		}
		if got == want && !grown {
			grown = true
			growPipe(raw)
		}
		size = s.c.s.nextSize(size, got == want)
	}
}

// discard reads what a terminal still prints when the host wants no more: to close it would hang up the command.
func (s *stream) discard(raw syscall.RawConn) {
	if s.c.terminal == nil {
		return
	}
	buf := takeBuffer(smallData)
	defer giveBuffer(buf)
	for {
		n := 0
		var failed error
		waited := raw.Read(func(fd uintptr) bool {
			n, failed = quickRead(fd, *buf)
			return failed != syscall.EAGAIN
		})
		if waited != nil || failed != nil || n == 0 {
			return
		}
	}
}

// nextSize chooses how much to read at once: more while a stream flows alone, little while others run, so that none of
// them waits for long behind a frame.
func (s *session) nextSize(size int, full bool) int {
	most := smallData
	if s.flowing.Load() < 2 {
		if most = s.window / 2; most > maxPayload {
			most = maxPayload
		}
		if most < smallData {
			most = smallData
		}
	}
	if full {
		size *= 2
	} else {
		size = smallData
	}
	if size > most {
		size = most
	}
	return size
}

// growPipe makes room for a stream that flows. Pipes start small: what a user may have of them is counted over all sandboxes.
func growPipe(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = syscall.RawSyscall(syscall.SYS_FCNTL, fd, fSetPipeSize, 1<<20)
	})
}

func readable(raw syscall.RawConn) int {
	var n int32
	_ = raw.Control(func(fd uintptr) {
		if ioctl(int(fd), 0x541b, unsafe.Pointer(&n)) != nil { // FIONREAD
			n = 0
		}
	})
	return int(n)
}

// feed copies channel 0 to the command's input.
func (c *command) feed() {
	defer c.inputEnded()
	for {
		data := c.in.next()
		if data == nil {
			break
		}
		if _, err := c.input.Write(data); err != nil {
			if !c.in.isClosed() {
				c.in.close()
				c.send(kindClose, channelIn, frame(0)) // the command has closed its input
			}
			break
		}
		c.in.consumed(len(data))
	}
	if c.terminal == nil {
		closeFile(c.input)
	} else if !c.in.isClosed() {
		_, _ = c.input.Write([]byte{endOfInput})
	}
}
