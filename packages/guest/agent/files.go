package main

import (
	"errors"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// fileRequest is a request for files: one goroutine that does it from end to end.
type fileRequest struct {
	*running
	q         *request
	cancelled atomic.Bool
}

// fileOperation does the work and gives the reply's payload.
type fileOperation struct {
	do     func(f *fileRequest) ([]byte, error)
	fields func(q *request) bool // whether what it needs is there
	input  bool                  // it reads channel 0
	output bool                  // it writes channel 1
}

var fileOperations map[string]fileOperation

func init() {
	hasPath := func(q *request) bool { return q.Path != nil }
	fileOperations = map[string]fileOperation{
		"read":    {do: (*fileRequest).read, fields: hasPath, output: true},
		"write":   {do: (*fileRequest).write, fields: hasPath, input: true},
		"list":    {do: (*fileRequest).list, fields: hasPath, output: true},
		"stat":    {do: (*fileRequest).stat, fields: hasPath},
		"mkdir":   {do: (*fileRequest).mkdir, fields: hasPath},
		"remove":  {do: (*fileRequest).remove, fields: hasPath},
		"rename":  {do: (*fileRequest).rename, fields: func(q *request) bool { return q.From != nil && q.To != nil }},
		"tar-in":  {do: (*fileRequest).tarIn, fields: hasPath, input: true},
		"tar-out": {do: (*fileRequest).tarOut, fields: hasPath, output: true},
		"stats":   {do: func(*fileRequest) ([]byte, error) { return statsReply(), nil }, fields: func(*request) bool { return true }},
	}
}

var errCancelled = fail(codeFailedPrecondition, "the request was cancelled")

// errUnwanted ends a reading request whose output the host does not want any more. It is no failure.
var errUnwanted = errors.New("the host wants no more")

func startFileRequest(r *running, q *request) *failure {
	operation, known := fileOperations[q.Op]
	if !known {
		return fail(codeInvalidArgument, "there is no op %q", q.Op)
	}
	if !operation.fields(q) {
		return fail(codeInvalidArgument, "the op %q lacks its path", q.Op)
	}
	f := &fileRequest{running: r, q: q}
	r.told = f
	if operation.input {
		r.openInput()
	}
	if operation.output {
		r.openOutput(channelOut)
	}
	r.s.register(r)
	go func() {
		payload, err := operation.do(f)
		if err != nil {
			name := ""
			if q.Path != nil {
				name = string(*q.Path)
			}
			if f.cancelled.Load() {
				err = errCancelled
			}
			payload = asFailure(err, name).reply()
		}
		if f.in != nil {
			f.in.close()
		}
		f.reply(payload)
	}()
	return nil
}

func (f *fileRequest) control(c *control) {
	if c.Control != "cancel" {
		return
	}
	f.cancelled.Store(true)
	if f.in != nil {
		f.in.close()
	}
	if f.out[channelOut] != nil {
		f.out[channelOut].close()
	}
}

func (f *fileRequest) closed(byte) {}

func (f *fileRequest) inputEnds() { f.in.end() }

func (f *fileRequest) path() string { return string(*f.q.Path) }

// stopped is the error of a request that the host has cancelled.
func (f *fileRequest) stopped() error {
	if f.cancelled.Load() {
		return errCancelled
	}
	return nil
}

// emptyReply is the reply of what has nothing to say.
func emptyReply() []byte { return newObject().end() }

func stat(name string, st *syscall.Stat_t, follow bool) error {
	enter()
	defer leave()
	return again(func() error {
		if follow {
			return syscall.Stat(name, st)
		}
		return syscall.Lstat(name, st)
	})
}

// read sends a file, or a part of it.
func (f *fileRequest) read() ([]byte, error) {
	fd, _, err := openRegular(f.path(), syscall.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	if f.q.Offset > 0 {
		if _, err := syscall.Seek(fd, f.q.Offset, 0); err != nil {
			return nil, err
		}
	}
	left := int64(1<<63 - 1)
	if f.q.Length != nil {
		left = *f.q.Length
	}
	sent, err := f.sendFile(fd, left)
	if err != nil && err != errUnwanted {
		return nil, err
	}
	if err := f.stopped(); err != nil {
		return nil, err
	}
	return newObject().int("size", sent).end(), nil
}

// write makes a file of what comes on channel 0.
func (f *fileRequest) write() ([]byte, error) {
	name := f.path()
	if f.q.Parents {
		if err := makeParents(path.Dir(name)); err != nil {
			return nil, err
		}
	}
	flags := syscall.O_WRONLY | syscall.O_CREAT
	if f.q.Exclusive {
		flags |= syscall.O_EXCL
	}
	if f.q.Append {
		flags |= syscall.O_APPEND
	}
	mode := uint32(0o666)
	if f.q.Mode != nil {
		mode = uint32(*f.q.Mode) & 0o777
	}
	fd, st, err := openRegular(name, flags, mode)
	if err != nil {
		if f.q.Exclusive && exists(name) {
			return nil, syscall.EEXIST
		}
		return nil, err
	}
	defer syscall.Close(fd)
	if !f.q.Append && st.Size > 0 {
		if err := again(func() error { return syscall.Ftruncate(fd, 0) }); err != nil {
			return nil, err
		}
	}
	written := int64(0)
	for data := f.in.next(); data != nil; data = f.in.next() {
		if err := writeAll(fd, data); err != nil {
			return nil, err
		}
		written += int64(len(data))
		f.in.consumed(len(data))
	}
	if err := f.stopped(); err != nil {
		return nil, err
	}
	if f.q.Mode != nil {
		if err := syscall.Fchmod(fd, uint32(*f.q.Mode)); err != nil {
			return nil, err
		}
	}
	return newObject().int("size", written).end(), nil
}

func makeParents(dir string) error {
	enter()
	defer leave()
	return os.MkdirAll(dir, 0o777)
}

func (f *fileRequest) mkdir() ([]byte, error) {
	name := f.path()
	mode := uint32(0o777)
	if f.q.Mode != nil {
		mode = uint32(*f.q.Mode)
	}
	if f.q.Parents {
		if parent := path.Dir(strings.TrimRight(name, "/")); parent != "." && parent != "/" {
			if err := makeParents(parent); err != nil {
				return nil, err
			}
		}
	}
	enter()
	defer leave()
	err := again(func() error { return syscall.Mkdir(name, mode) })
	if err == syscall.EEXIST && f.q.Parents {
		var st syscall.Stat_t
		if syscall.Stat(name, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
			return emptyReply(), nil
		}
	}
	if err == nil && f.q.Mode != nil {
		err = syscall.Chmod(name, mode) // the umask does not count
	}
	return emptyReply(), err
}

func (f *fileRequest) remove() ([]byte, error) {
	name := f.path()
	var st syscall.Stat_t
	err := stat(strings.TrimRight(name, "/"), &st, false)
	if strings.Trim(name, "/") == "" {
		return nil, fail(codeInvalidArgument, "the root directory cannot be removed")
	}
	enter()
	defer leave()
	switch {
	case err != nil:
	case f.q.Recursive:
		err = os.RemoveAll(name)
	case st.Mode&syscall.S_IFMT == syscall.S_IFDIR:
		err = again(func() error { return syscall.Rmdir(name) })
	default:
		err = again(func() error { return syscall.Unlink(name) })
	}
	if f.q.Force && errors.Is(err, syscall.ENOENT) {
		err = nil
	}
	return emptyReply(), err
}

const renameNoReplace = 1

func (f *fileRequest) rename() ([]byte, error) {
	from, to := string(*f.q.From), string(*f.q.To)
	enter()
	defer leave()
	if f.q.Overwrite {
		if err := again(func() error { return syscall.Rename(from, to) }); err != nil {
			return nil, &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
		return emptyReply(), nil
	}
	err := renameExclusive(from, to)
	if err == syscall.ENOSYS || err == syscall.EINVAL || err == syscall.EPERM {
		// A file system, or a filter, without it.
		var st syscall.Stat_t
		if syscall.Lstat(to, &st) == nil {
			err = syscall.EEXIST
		} else {
			err = syscall.Rename(from, to)
		}
	}
	if err == syscall.EEXIST {
		return nil, asFailure(syscall.EEXIST, to)
	}
	if err != nil {
		return nil, &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return emptyReply(), nil
}

func renameExclusive(from, to string) error {
	f, err := syscall.BytePtrFromString(from)
	if err != nil {
		return err
	}
	t, err := syscall.BytePtrFromString(to)
	if err != nil {
		return err
	}
	return again(func() error {
		_, _, errno := syscall.Syscall6(sysRenameat2, ^uintptr(99), uintptr(unsafe.Pointer(f)), ^uintptr(99), uintptr(unsafe.Pointer(t)), renameNoReplace, 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
}
