package main

import (
	"io"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// descriptors are those that the agent holds from the start.
type descriptors struct {
	null int // /dev/null, or where there is none a pipe without a writer
}

// ownNofile is the soft limit of descriptors that the agent works with.
var ownNofile = func() uint64 {
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(rlimitNofile, &limit)
	return limit.Cur
}()

// ownLink starts this program again. The link works without permission to read the file.
const ownLink = "/proc/self/exe"

var ownExecutable = ownLink

func openDescriptors() *descriptors {
	if !exists(ownLink) {
		ownExecutable = os.Args[0]
	} else if sealed := sealedCopy(); sealed != "" {
		ownExecutable = sealed
	}
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		var pipe [2]int
		if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
			return &descriptors{0}
		}
		syscall.Close(pipe[1])
		null = pipe[0]
	}
	return &descriptors{null}
}

const (
	memfdCloexec = 1
	memfdExec    = 0x10 // since Linux 6.3, which may want to be told
)

// sealedCopy is this program in a file that nobody may read, for where it lies in one that its user may: a process is
// then out of its user's reach from its exec on, and not only from its first instructions. Empty where there is no need,
// or no such file.
func sealedCopy() string {
	own, err := os.Open(ownLink)
	if err != nil {
		return ""
	}
	defer own.Close()
	memory := newMemoryFile(memfdCloexec | memfdExec)
	if memory == nil {
		memory = newMemoryFile(memfdCloexec)
	}
	if memory == nil {
		return ""
	}
	// What is open for writing cannot be executed.
	defer memory.Close()
	if _, err := io.Copy(memory, own); err != nil {
		return ""
	}
	// It stays open as long as this process lives.
	fd, err := syscall.Open("/proc/self/fd/"+strconv.Itoa(int(memory.Fd())), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	if syscall.Fchmod(fd, 0o111) != nil {
		syscall.Close(fd)
		return ""
	}
	return "/proc/self/fd/" + strconv.Itoa(fd)
}

func newMemoryFile(flags uintptr) *os.File {
	name := [...]byte{'a', 'g', 'e', 'n', 't', 0}
	fd, _, errno := syscall.Syscall(sysMemfdCreate, uintptr(unsafe.Pointer(&name)), flags, 0)
	if errno != 0 {
		return nil
	}
	return os.NewFile(fd, "agent")
}
