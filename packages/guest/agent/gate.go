package main

import (
	"os"
	"syscall"
)

// gate bounds how many goroutines are inside a system call that may wait (on files, /proc) at a time: each holds a thread, and
// the agent has a fixed number of those (see protect.go).
var gate = make(chan struct{}, 8)

func enter() { gate <- struct{}{} }
func leave() { <-gate }

// briefly does the same for calls that never wait for long, so that commands can be run while files make others wait.
var brief = make(chan struct{}, 8)

func briefly(call func()) {
	brief <- struct{}{}
	defer func() { <-brief }()
	call()
}

// again repeats a call that a signal has interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

func openFile(path string, flags int, mode uint32) (fd int, err error) {
	enter()
	defer leave()
	err = again(func() (err error) {
		fd, err = syscall.Open(path, flags|syscall.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

func exists(path string) bool {
	var st syscall.Stat_t
	return syscall.Stat(path, &st) == nil
}

// readSmall reads a file of /proc or of a cgroup.
func readSmall(path string) ([]byte, error) {
	enter()
	defer leave()
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	buf := make([]byte, 4096)
	n := 0
	for {
		got, err := syscall.Read(fd, buf[n:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if got == 0 {
			return buf[:n], nil
		}
		if n += got; n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// namesIn lists a directory of /proc, in no order.
func namesIn(path string) []string {
	enter()
	defer leave()
	dir, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	return names
}
