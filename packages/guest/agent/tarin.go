package main

import (
	"archive/tar"
	"errors"
	"io"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// tarIn unpacks an archive that comes on channel 0. Every name is walked from the directory's descriptor, component by
// component and never through a symlink, so that nothing lands outside of it whatever the archive or a command beside it does.
func (f *fileRequest) tarIn() ([]byte, error) {
	name := f.path()
	if f.q.Parents {
		if err := makeParents(name); err != nil {
			return nil, err
		}
	}
	root, err := openFile(name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	in := &inboxReader{f: f}
	u := &unpacker{root: root, dir: -1, buf: make([]byte, smallData), stopped: f.stopped}
	defer u.close()
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = u.unpack(header, archive)
		}
		if stopped := f.stopped(); stopped != nil {
			return nil, stopped
		}
		if err != nil {
			return nil, archiveFailure(err)
		}
	}
	in.drained()
	for data := f.in.next(); data != nil; data = f.in.next() { // what pads the archive
		f.in.consumed(len(data))
	}
	if err := f.stopped(); err != nil {
		return nil, err
	}
	u.restrict()
	return newObject().int("entries", u.entries).int("bytes", u.bytes).end(), nil
}

// archiveFailure: what the archive itself has wrong is the caller's argument.
func archiveFailure(err error) error {
	var f *failure
	var errno syscall.Errno
	if errors.As(err, &f) || errors.As(err, &errno) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(codeInvalidArgument, "the archive is cut off")
	}
	return fail(codeInvalidArgument, "the archive: %v", err)
}

// inboxReader reads channel 0.
type inboxReader struct {
	f    *fileRequest
	rest []byte
	took int
}

func (r *inboxReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		r.drained()
		r.rest = r.f.in.next()
		r.took = len(r.rest)
		if r.rest == nil {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// drained grants again what was read.
func (r *inboxReader) drained() {
	if r.took > 0 {
		r.f.in.consumed(r.took)
		r.took = 0
	}
}

type unpacker struct {
	root    int
	dir     int    // the directory of the last entry, which the next one mostly shares; -1: none
	dirName string // "": the root
	buf     []byte
	entries int64
	bytes   int64
	later   []restriction
	stopped func() error // the error of a request that was cancelled
}

// restriction is a directory's mode that would have kept us from filling it.
type restriction struct {
	name string
	mode uint32
}

func (u *unpacker) close() {
	if u.dir >= 0 {
		syscall.Close(u.dir)
	}
	syscall.Close(u.root)
}

// split checks a name and gives its directory and base. "" and "." are the root itself.
func splitEntry(name string) (dir, base string, err error) {
	if strings.HasPrefix(name, "/") {
		return "", "", outside(name, "an absolute name")
	}
	var parts []string
	for _, part := range strings.Split(name, "/") {
		switch {
		case part == "" || part == ".":
		case part == "..":
			return "", "", outside(name, "a name with ..")
		case strings.IndexByte(part, 0) >= 0:
			return "", "", outside(name, "a name with a NUL byte")
		default:
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "", "", nil
	}
	return strings.Join(parts[:len(parts)-1], "/"), parts[len(parts)-1], nil
}

// named gives an error of the system the entry's name; what is wrong with the archive stays as it is.
func named(err error, name string) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return asFailure(err, name)
	}
	return err
}

func outside(name, what string) error {
	return &failure{code: codeInvalidArgument, message: "the archive is refused: " + what, path: name}
}

// enterDir gives the descriptor of a directory below the root; what is missing of it is made.
func (u *unpacker) enterDir(dir, entry string) (int, error) {
	if dir == "" {
		return u.root, nil
	}
	if u.dir >= 0 && u.dirName == dir {
		return u.dir, nil
	}
	at := u.root
	for _, part := range strings.Split(dir, "/") {
		next, err := openDirAt(at, part)
		if err == syscall.ENOENT {
			if err = syscall.Mkdirat(at, part, 0o777); err == nil || err == syscall.EEXIST {
				next, err = openDirAt(at, part)
			}
		}
		if at != u.root {
			syscall.Close(at)
		}
		if err == syscall.ELOOP || err == syscall.ENOTDIR {
			return -1, outside(entry, part+" on its way is a symlink or no directory")
		}
		if err != nil {
			return -1, asFailure(err, entry)
		}
		at = next
	}
	if u.dir >= 0 {
		syscall.Close(u.dir)
	}
	u.dir, u.dirName = at, dir
	return at, nil
}

func openDirAt(at int, name string) (fd int, err error) {
	err = again(func() (err error) {
		fd, err = syscall.Openat(at, name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

func (u *unpacker) unpack(h *tar.Header, content io.Reader) error {
	dir, base, err := splitEntry(h.Name)
	if err != nil {
		return err
	}
	if base == "" {
		if h.Typeflag == tar.TypeDir {
			return nil // the directory itself: it is the caller's
		}
		return outside(h.Name, "an entry that is the directory itself")
	}
	enter()
	at, err := u.enterDir(dir, h.Name)
	leave()
	if err != nil {
		return err
	}
	mode := uint32(h.Mode) & 0o777
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont, tar.TypeGNUSparse:
		err = u.file(at, base, mode, h.ModTime, content)
	case tar.TypeDir:
		err = u.directory(at, base, mode|uint32(h.Mode)&0o1000, dir)
	case tar.TypeSymlink:
		err = u.fresh(at, base, func() error { return symlinkAt(h.Linkname, at, base) })
	case tar.TypeLink:
		err = u.link(at, base, h)
	case tar.TypeFifo:
		err = u.fresh(at, base, func() error { return syscall.Mknodat(at, base, syscall.S_IFIFO|mode, 0) })
	case tar.TypeXGlobalHeader:
		return nil
	default:
		return &failure{code: codeUnsupported, message: "the archive is refused: a device or an entry of an unknown type", path: h.Name}
	}
	if err != nil {
		return named(err, h.Name)
	}
	u.entries++
	return nil
}

// fresh makes an entry in the place of what has its name, unless that is a directory.
func (u *unpacker) fresh(at int, base string, make func() error) error {
	enter()
	defer leave()
	err := again(make)
	if err == syscall.EEXIST {
		if err = syscall.Unlinkat(at, base); err == nil {
			err = again(make)
		}
	}
	return err
}

func (u *unpacker) file(at int, base string, mode uint32, modified time.Time, content io.Reader) error {
	fd := -1
	err := u.fresh(at, base, func() (err error) {
		fd, err = syscall.Openat(at, base, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	for {
		if err := u.stopped(); err != nil {
			return err // a hole needs nothing of the input, and would go on without it
		}
		n, err := content.Read(u.buf)
		if n > 0 {
			if err := writeAll(fd, u.buf[:n]); err != nil {
				return err
			}
			u.bytes += int64(n)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	enter()
	defer leave()
	if err := syscall.Fchmod(fd, mode); err != nil { // the umask does not count
		return err
	}
	times := [2]syscall.Timespec{syscall.NsecToTimespec(modified.UnixNano()), syscall.NsecToTimespec(modified.UnixNano())}
	_, _, _ = syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	return nil
}

func (u *unpacker) directory(at int, base string, mode uint32, dir string) error {
	enter()
	defer leave()
	err := again(func() error { return syscall.Mkdirat(at, base, mode|0o700) })
	if err != nil && err != syscall.EEXIST {
		return err
	}
	fd, err := openDirAt(at, base)
	if err == syscall.ELOOP || err == syscall.ENOTDIR {
		return outside(base, base+" is there, and is a symlink or no directory")
	}
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if mode&0o700 != 0o700 {
		u.later = append(u.later, restriction{join(dir+"/", base), mode})
		mode |= 0o700
	}
	return syscall.Fchmod(fd, mode)
}

// restrict gives directories the modes that had to wait, the deepest first.
func (u *unpacker) restrict() {
	enter()
	defer leave()
	for i := len(u.later) - 1; i >= 0; i-- {
		dir, base, err := splitEntry(strings.TrimLeft(u.later[i].name, "/"))
		if err != nil {
			continue
		}
		at, err := u.enterDir(dir, base)
		if err != nil {
			continue
		}
		if fd, err := openDirAt(at, base); err == nil {
			_ = syscall.Fchmod(fd, u.later[i].mode)
			syscall.Close(fd)
		}
	}
}

// link makes a hard link to an entry of the same archive, found in the same careful way.
func (u *unpacker) link(at int, base string, h *tar.Header) error {
	dir, target, err := splitEntry(h.Linkname)
	if err != nil {
		return err
	}
	held, err := syscall.Dup(at)
	if err != nil {
		return err
	}
	defer syscall.Close(held)
	enter()
	from, err := u.enterDir(dir, h.Name)
	leave()
	if err != nil {
		return err
	}
	return u.fresh(held, base, func() error { return linkAt(from, target, held, base) })
}

func symlinkAt(target string, at int, base string) error {
	return twoNames(target, base, func(t, b uintptr) syscall.Errno {
		_, _, errno := syscall.Syscall(syscall.SYS_SYMLINKAT, t, uintptr(at), b)
		return errno
	})
}

func linkAt(from int, target string, at int, base string) error {
	return twoNames(target, base, func(t, b uintptr) syscall.Errno {
		_, _, errno := syscall.Syscall6(syscall.SYS_LINKAT, uintptr(from), t, uintptr(at), b, 0, 0)
		return errno
	})
}

func twoNames(first, second string, call func(a, b uintptr) syscall.Errno) error {
	a, err := syscall.BytePtrFromString(first)
	if err != nil {
		return err
	}
	b, err := syscall.BytePtrFromString(second)
	if err != nil {
		return err
	}
	if errno := call(uintptr(unsafe.Pointer(a)), uintptr(unsafe.Pointer(b))); errno != 0 {
		return errno
	}
	return nil
}
