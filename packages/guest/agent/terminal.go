package main

import (
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	tiocGetPeer   = 0x5441     // TIOCGPTPEER, Linux 4.13: opens the other end without a path
	tiocGetNumber = 0x80045430 // TIOCGPTN
	tiocUnlock    = 0x40045431 // TIOCSPTLCK
	endOfInput    = 4          // ^D, what a terminal has in the place of an end
)

// openTerminal makes a pseudo terminal: the agent's end, and the descriptor that becomes the command's 0, 1 and 2.
func openTerminal() (*os.File, int, *failure) {
	master, err := openFile("/dev/ptmx", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, -1, &failure{code: codeUnsupported, message: "this sandbox has no terminals: /dev/ptmx: " + err.Error(), path: "/dev/ptmx"}
	}
	var locked int32
	if err := ioctl(master, tiocUnlock, unsafe.Pointer(&locked)); err != nil {
		syscall.Close(master)
		return nil, -1, fail(codeUnsupported, "this sandbox has no terminals: unlock: %v", err)
	}
	slave, err := openPeer(master)
	if err != nil {
		syscall.Close(master)
		return nil, -1, fail(codeUnsupported, "this sandbox has no terminals: its other end: %v", err)
	}
	return os.NewFile(uintptr(master), "terminal"), slave, nil
}

func openPeer(master int) (int, error) {
	flags := uintptr(syscall.O_RDWR | syscall.O_NOCTTY | syscall.O_CLOEXEC)
	fd, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(master), tiocGetPeer, flags)
	if errno == 0 {
		return int(fd), nil
	}
	var number uint32
	if err := ioctl(master, tiocGetNumber, unsafe.Pointer(&number)); err != nil {
		return -1, err
	}
	return openFile("/dev/pts/"+strconv.Itoa(int(number)), int(flags), 0)
}

func resizeTerminal(master int, size terminalSize) {
	dimensions := [4]uint16{size.Rows, size.Cols}
	_ = ioctl(master, syscall.TIOCSWINSZ, unsafe.Pointer(&dimensions))
}

// foregroundGroup is the process group that the terminal's keys would signal; 0 if there is none.
func foregroundGroup(master int) int {
	var group int32
	if ioctl(master, syscall.TIOCGPGRP, unsafe.Pointer(&group)) != nil || group < 2 {
		return 0
	}
	return int(group)
}

func ioctl(fd int, what uintptr, arg unsafe.Pointer) error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), what, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
