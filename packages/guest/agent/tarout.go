package main

import (
	"archive/tar"
	"os"
	"syscall"
	"time"
)

// tarOut sends a directory's contents, named entries of it, or a single file, as an archive on channel 1.
func (f *fileRequest) tarOut() ([]byte, error) {
	root := f.path()
	var st syscall.Stat_t
	if err := stat(root, &st, true); err != nil {
		return nil, err
	}
	out := &creditWriter{f: f, buf: takeBuffer(maxPayload)}
	out.n = headerSize
	defer giveBuffer(out.buf)
	p := &packer{f: f, archive: tar.NewWriter(out), buf: make([]byte, smallData)}
	err := p.packRoot(root, &st)
	if err == nil {
		err = p.archive.Close()
	}
	if err == nil {
		err = out.flush()
	}
	if err != nil && err != errUnwanted {
		return nil, err
	}
	if err := f.stopped(); err != nil {
		return nil, err
	}
	return newObject().int("entries", p.entries).int("bytes", p.bytes).end(), nil
}

// creditWriter collects what is written into frames.
type creditWriter struct {
	f   *fileRequest
	buf *[]byte
	n   int // filled so far, with the header's room
}

func (w *creditWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		limit := headerSize + w.f.s.nextSize(maxPayload, true)
		if w.n >= limit {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
		n := copy((*w.buf)[w.n:limit], p)
		w.n += n
		p = p[n:]
	}
	return written, nil
}

func (w *creditWriter) flush() error {
	for sent := headerSize; sent < w.n; {
		n := w.f.out[channelOut].take(w.n - sent)
		if n == 0 {
			return errUnwanted
		}
		// The header goes in front of what is left, over what is sent already.
		w.f.send(kindData, channelOut, (*w.buf)[sent-headerSize:sent+n])
		sent += n
	}
	w.n = headerSize
	return nil
}

type packer struct {
	f       *fileRequest
	archive *tar.Writer
	buf     []byte
	entries int64
	bytes   int64
}

func (p *packer) packRoot(root string, st *syscall.Stat_t) error {
	if st.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		if len(p.f.q.Names) > 0 {
			return &failure{codeFailedPrecondition, root + " is not a directory, so that no entries of it can be named", syscall.ENOTDIR, root}
		}
		return p.pack(root, baseName(root), st)
	}
	if p.f.q.Names == nil {
		return p.packDirectory(root, "", 0)
	}
	for _, name := range p.f.q.Names {
		dir, base, err := splitEntry(string(name))
		if err != nil || base == "" {
			return &failure{code: codeInvalidArgument, message: "names must be of entries in the directory", path: string(name)}
		}
		entry := base
		if dir != "" {
			entry = dir + "/" + base
		}
		var st syscall.Stat_t
		if err := stat(join(root, entry), &st, false); err != nil {
			return asFailure(err, join(root, entry))
		}
		if err := p.pack(join(root, entry), entry, &st); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) packDirectory(dir, prefix string, flags int) error {
	names, err := sortedNames(dir, flags)
	if err != nil {
		return err
	}
	for _, base := range names {
		name := join(dir, base)
		var st syscall.Stat_t
		if err := stat(name, &st, false); err == syscall.ENOENT {
			continue
		} else if err != nil {
			return asFailure(err, name)
		}
		if err := p.pack(name, prefix+base, &st); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

func (p *packer) pack(name, entry string, st *syscall.Stat_t) error {
	if err := p.f.stopped(); err != nil {
		return err
	}
	h := &tar.Header{Name: entry, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid), ModTime: time.Unix(st.Mtim.Sec, 0)}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return p.packFile(name, h)
	case syscall.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, entry+"/"
	case syscall.S_IFLNK:
		enter()
		target, err := os.Readlink(name)
		leave()
		if err != nil {
			return asFailure(err, name)
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	case syscall.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	default:
		return nil // sockets and devices mean nothing elsewhere
	}
	if err := p.archive.WriteHeader(h); err != nil {
		return err
	}
	p.entries++
	if h.Typeflag == tar.TypeDir {
		return p.packDirectory(name, h.Name, syscall.O_NOFOLLOW)
	}
	return nil
}

// packFile writes exactly as many bytes as its header says: a file that shrinks meanwhile is filled up with zeros, one that
// grows is cut.
func (p *packer) packFile(name string, h *tar.Header) error {
	fd, st, err := openRegular(name, syscall.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return asFailure(err, name)
	}
	defer syscall.Close(fd)
	h.Typeflag, h.Size = tar.TypeReg, st.Size
	if err := p.archive.WriteHeader(h); err != nil {
		return err
	}
	p.entries++
	p.bytes += st.Size
	for left := st.Size; left > 0; {
		want := p.buf
		if int64(len(want)) > left {
			want = want[:left]
		}
		n, err := readFrom(fd, want)
		if err != nil {
			return asFailure(err, name)
		}
		if n <= 0 {
			for i := range want {
				want[i] = 0
			}
			n = len(want)
		}
		if _, err := p.archive.Write(want[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}
