package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const (
	codeInvalidArgument    = "INVALID_ARGUMENT"
	codeUnsupported        = "UNSUPPORTED"
	codeNotFound           = "NOT_FOUND"
	codeAlreadyExists      = "ALREADY_EXISTS"
	codeFailedPrecondition = "FAILED_PRECONDITION"
	codePermissionDenied   = "PERMISSION_DENIED"
	codeResourceExhausted  = "RESOURCE_EXHAUSTED"
	codeDeadlineExceeded   = "DEADLINE_EXCEEDED"
	codeUnavailable        = "UNAVAILABLE"
	codeUnknown            = "UNKNOWN"
)

// failure is what stopped a request, as a reply reports it.
type failure struct {
	code    string
	message string
	errno   syscall.Errno
	path    string
}

func (f *failure) Error() string { return f.message }

func fail(code, format string, args ...interface{}) *failure {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

func codeOf(errno syscall.Errno) string {
	switch errno {
	case syscall.ENOENT:
		return codeNotFound
	case syscall.EEXIST:
		return codeAlreadyExists
	case syscall.EACCES, syscall.EPERM, syscall.EROFS:
		return codePermissionDenied
	case syscall.ENOTDIR, syscall.EISDIR, syscall.ENOTEMPTY, syscall.ELOOP, syscall.EBUSY, syscall.EXDEV, syscall.ETXTBSY, syscall.ENXIO, syscall.EMLINK:
		return codeFailedPrecondition
	case syscall.ENAMETOOLONG, syscall.EINVAL:
		return codeInvalidArgument
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN:
		return codeResourceExhausted
	case syscall.ENOSYS, syscall.EOPNOTSUPP:
		return codeUnsupported
	case syscall.ETIMEDOUT:
		return codeDeadlineExceeded
	}
	return codeUnknown
}

// asFailure turns any error of the system into one to report; path is what the request named, in case the error knows none.
func asFailure(err error, path string) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		path = pathError.Path
	}
	var linkError *os.LinkError
	if errors.As(err, &linkError) {
		path = linkError.Old
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		message := errno.Error()
		if path != "" {
			message = path + ": " + message
		}
		return &failure{codeOf(errno), message, errno, path}
	}
	return &failure{code: codeUnknown, message: err.Error(), path: path}
}

// mostTold is what an error tells of a message or a path: a request may name far more than a frame holds twice.
const mostTold = 4096

// reply is the payload of the REPLY that reports f.
func (f *failure) reply() []byte {
	o := newObject()
	o.key("error")
	o.b = append(o.b, '{')
	o.string("code", f.code).string("message", shorten(f.message, mostTold))
	if f.errno != 0 {
		o.string("errno", errnoName(f.errno))
	}
	if f.path != "" {
		o.text("path", shorten(f.path, mostTold))
	}
	o.b = append(o.b, '}')
	return o.end()
}

// errnoName is the constant's name, for those that a caller may want to tell apart.
func errnoName(errno syscall.Errno) string {
	if name, ok := errnoNames[errno]; ok {
		return name
	}
	return fmt.Sprintf("E%d", int(errno))
}

var errnoNames = map[syscall.Errno]string{
	syscall.E2BIG: "E2BIG", syscall.EACCES: "EACCES", syscall.EAGAIN: "EAGAIN", syscall.EBADF: "EBADF", syscall.EBUSY: "EBUSY",
	syscall.EDQUOT: "EDQUOT", syscall.EEXIST: "EEXIST", syscall.EFBIG: "EFBIG", syscall.EINTR: "EINTR", syscall.EINVAL: "EINVAL",
	syscall.EIO: "EIO", syscall.EISDIR: "EISDIR", syscall.ELOOP: "ELOOP", syscall.EMFILE: "EMFILE", syscall.EMLINK: "EMLINK",
	syscall.ENAMETOOLONG: "ENAMETOOLONG", syscall.ENFILE: "ENFILE", syscall.ENODEV: "ENODEV", syscall.ENOENT: "ENOENT",
	syscall.ENOEXEC: "ENOEXEC", syscall.ENOMEM: "ENOMEM", syscall.ENOSPC: "ENOSPC", syscall.ENOSYS: "ENOSYS",
	syscall.ENOTDIR: "ENOTDIR", syscall.ENOTEMPTY: "ENOTEMPTY", syscall.ENOTTY: "ENOTTY", syscall.ENXIO: "ENXIO",
	syscall.EOPNOTSUPP: "EOPNOTSUPP", syscall.EPERM: "EPERM", syscall.EPIPE: "EPIPE", syscall.EROFS: "EROFS",
	syscall.ESPIPE: "ESPIPE", syscall.ESTALE: "ESTALE", syscall.ETIMEDOUT: "ETIMEDOUT", syscall.ETXTBSY: "ETXTBSY", syscall.EXDEV: "EXDEV",
}
