package main

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// Calls that never wait, made without telling the runtime: it would let other goroutines go on meanwhile, if the machine is busy
// on a thread that it has to make for that, and a thread that cannot be made, when commands have used up the pids limit, ends
// the program. What may wait goes through a gate instead.

// quickRead reads what a descriptor that does not block has.
func quickRead(fd uintptr, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

// quickSend writes to a socket that does not block.
func quickSend(fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

func quickKill(pid int, signal syscall.Signal) {
	_, _, _ = syscall.RawSyscall(syscall.SYS_KILL, uintptr(pid), uintptr(signal), 0)
}

// quickClose closes a pipe or a socket.
func quickClose(fd int) { _, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }

func setNonblock(fd int) {
	flags, _, _ := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	_, _, _ = syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFL, flags|syscall.O_NONBLOCK)
}

// closeFile closes what the runtime waits for.
func closeFile(file io.Closer) {
	briefly(func() { _ = file.Close() })
}

// socket is a stream socket whose reads and writes are quick.
type socket struct {
	*os.File
	raw syscall.RawConn
}

func newSocket(fd int) (socket, error) {
	file := os.NewFile(uintptr(fd), "socket")
	raw, err := file.SyscallConn()
	return socket{file, raw}, err
}

func (s socket) Read(p []byte) (n int, err error) {
	waited := s.raw.Read(func(fd uintptr) bool {
		n, err = quickRead(fd, p)
		return err != syscall.EAGAIN
	})
	if waited != nil {
		return 0, waited
	}
	if err == nil && n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, err
}

func (s socket) Write(p []byte) (written int, err error) {
	for written < len(p) {
		n := 0
		waited := s.raw.Write(func(fd uintptr) bool {
			n, err = quickSend(fd, p[written:])
			return err != syscall.EAGAIN
		})
		if waited != nil {
			err = waited
		}
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

func (s socket) Close() error {
	closeFile(s.File)
	return nil
}
