package main

import (
	"errors"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

const (
	// maxNames is how many entries of one directory are sorted in memory.
	maxNames = 500_000

	// entriesBytes is how much is put into one frame. It must fit into the smallest window, as the largest entry does.
	entriesBytes = 48 << 10
)

func typeOf(mode uint32) string {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return "file"
	case syscall.S_IFDIR:
		return "directory"
	case syscall.S_IFLNK:
		return "symlink"
	case syscall.S_IFIFO:
		return "fifo"
	case syscall.S_IFSOCK:
		return "socket"
	}
	return "device"
}

// statFields adds what the protocol tells of a file.
func statFields(o *object, name string, st *syscall.Stat_t) {
	o.text("name", baseName(name)).text("path", name).string("type", typeOf(st.Mode)).int("size", st.Size).
		int("mode", int64(st.Mode&0o7777)).int("uid", int64(st.Uid)).int("gid", int64(st.Gid))
	o.key("mtimeMs")
	o.b = strconv.AppendFloat(o.b, float64(st.Mtim.Sec)*1000+float64(st.Mtim.Nsec/1000)/1000, 'f', -1, 64)
	o.uint("dev", uint64(st.Dev)).uint("ino", st.Ino).uint("nlink", uint64(st.Nlink))
	if st.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		enter()
		target, err := os.Readlink(name)
		leave()
		if err == nil {
			o.text("target", target)
		}
	}
}

func baseName(name string) string {
	if trimmed := strings.TrimRight(name, "/"); trimmed != "" {
		return path.Base(trimmed)
	}
	return "/"
}

func (f *fileRequest) stat() ([]byte, error) {
	var st syscall.Stat_t
	if err := stat(f.path(), &st, f.q.Follow); err != nil {
		return nil, err
	}
	o := newObject()
	statFields(o, f.path(), &st)
	return o.end(), nil
}

// entriesEvent collects entries until there are enough for a frame. They use the credit of channel 1: a directory may hold
// more than a host can keep.
type entriesEvent struct {
	f *fileRequest
	o *object
}

func (e *entriesEvent) add(name string, st *syscall.Stat_t) error {
	entry := &object{[]byte{'{'}}
	statFields(entry, name, st)
	encoded := entry.end()
	if e.o != nil && len(e.o.b)+len(encoded) > entriesBytes {
		if err := e.flush(); err != nil {
			return err
		}
	}
	if e.o == nil {
		e.o = newObject().string("event", "entries")
		e.o.key("entries")
		e.o.b = append(e.o.b, '[')
	} else {
		e.o.b = append(e.o.b, ',')
	}
	e.o.b = append(e.o.b, encoded...)
	return nil
}

func (e *entriesEvent) flush() error {
	if e.o == nil {
		return nil
	}
	payload := append(e.o.b, ']', '}')
	e.o = nil
	for need := len(payload) - headerSize; need > 0; {
		got := e.f.out[channelOut].take(need)
		if got == 0 {
			return errUnwanted
		}
		need -= got
	}
	e.f.send(kindEvent, 0, payload)
	return nil
}

func (f *fileRequest) list() ([]byte, error) {
	e := &entriesEvent{f: f}
	err := f.listDirectory(f.path(), 0, e)
	if err == nil {
		err = e.flush()
	}
	if err != nil && err != errUnwanted {
		return nil, err
	}
	return emptyReply(), f.stopped()
}

func (f *fileRequest) listDirectory(dir string, flags int, e *entriesEvent) error {
	names, err := sortedNames(dir, flags)
	if err != nil {
		return err
	}
	for _, base := range names {
		if err := f.stopped(); err != nil {
			return err
		}
		name := join(dir, base)
		var st syscall.Stat_t
		if err := stat(name, &st, false); err == syscall.ENOENT {
			continue // it was removed while we looked
		} else if err != nil {
			return asFailure(err, name)
		}
		if err := e.add(name, &st); err != nil {
			return err
		}
		if f.q.Recursive && st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
			if err := f.listDirectory(name, syscall.O_NOFOLLOW, e); err != nil && !isGone(err) {
				return err
			}
		}
	}
	return nil
}

// isGone says that something was removed, or that another thing took the place of a directory, since it was looked at. It
// is then left out like what was removed before.
func isGone(err error) bool {
	var f *failure
	return errors.As(err, &f) && (f.errno == syscall.ENOENT || f.errno == syscall.ENOTDIR || f.errno == syscall.ELOOP)
}

func join(dir, base string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + base
	}
	return dir + "/" + base
}

// sortedNames lists a directory in the order of the bytes.
func sortedNames(dir string, flags int) ([]string, error) {
	fd, err := openFile(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK|flags, 0)
	if err != nil {
		return nil, asFailure(err, dir)
	}
	return sortedNamesOf(fd, dir)
}

// sortedNamesOf takes the descriptor over.
func sortedNamesOf(fd int, dir string) ([]string, error) {
	file := os.NewFile(uintptr(fd), dir)
	defer file.Close()
	var names []string
	for {
		enter()
		some, err := file.Readdirnames(1000)
		leave()
		names = append(names, some...)
		if len(names) > maxNames {
			return nil, &failure{code: codeResourceExhausted, message: dir + ": more than " + strconv.Itoa(maxNames) + " entries", path: dir}
		}
		if len(some) == 0 {
			if err != nil && err.Error() != "EOF" {
				return nil, asFailure(err, dir)
			}
			break
		}
	}
	sort.Strings(names)
	return names, nil
}
