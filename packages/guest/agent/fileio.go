package main

import (
	"syscall"
)

// openRegular opens a regular file and nothing else: a FIFO would wait for its other end, a device may do anything.
func openRegular(name string, flags int, mode uint32) (fd int, st syscall.Stat_t, err error) {
	if err := stat(name, &st, true); err == nil {
		if err := mustBeRegular(name, &st); err != nil {
			return -1, st, err
		}
	}
	fd, err = openFile(name, flags|syscall.O_NONBLOCK|syscall.O_NOCTTY, mode)
	if err != nil {
		return -1, st, err
	}
	if err = fstat(fd, &st); err == nil {
		err = mustBeRegular(name, &st)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, st, err
	}
	return fd, st, nil
}

func mustBeRegular(name string, st *syscall.Stat_t) error {
	switch kind := typeOf(st.Mode); kind {
	case "file":
		return nil
	case "directory":
		return &failure{codeFailedPrecondition, name + " is a directory", syscall.EISDIR, name}
	default:
		return &failure{code: codeFailedPrecondition, message: name + " is a " + kind + ", not a file", path: name}
	}
}

func fstat(fd int, st *syscall.Stat_t) error {
	enter()
	defer leave()
	return again(func() error { return syscall.Fstat(fd, st) })
}

func readFrom(fd int, p []byte) (n int, err error) {
	enter()
	defer leave()
	err = again(func() (err error) {
		n, err = syscall.Read(fd, p)
		return err
	})
	return n, err
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := writeSome(fd, p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func writeSome(fd int, p []byte) (n int, err error) {
	enter()
	defer leave()
	err = again(func() (err error) {
		n, err = syscall.Write(fd, p)
		return err
	})
	return n, err
}

// sendFile sends up to left bytes of a file on channel 1.
func (f *fileRequest) sendFile(fd int, left int64) (sent int64, err error) {
	size := smallData
	for left > 0 {
		want := f.out[channelOut].take(size)
		if want == 0 {
			return sent, errUnwanted
		}
		room := want
		if int64(want) > left {
			want = int(left)
		}
		buf := takeBuffer(want)
		got, err := readFrom(fd, (*buf)[headerSize:headerSize+want])
		if got < 0 {
			got = 0
		}
		f.out[channelOut].add(room - got)
		if got > 0 {
			f.send(kindData, channelOut, (*buf)[:headerSize+got])
		}
		giveBuffer(buf)
		if err != nil {
			return sent, err
		}
		if got == 0 {
			break
		}
		sent += int64(got)
		left -= int64(got)
		size = f.s.nextSize(size, got == want)
	}
	return sent, nil
}
