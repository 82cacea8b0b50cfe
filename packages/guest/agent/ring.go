package main

import (
	"sync"
	"syscall"
)

// ring keeps the last bytes of an output. Its memory is not the garbage collector's, which would want as much again, and
// costs nothing before it is written to.
type ring struct {
	mu    sync.Mutex
	buf   []byte // nil once it was given up
	total int64  // bytes that were ever written
	ended bool
	more  chan struct{} // closed when there is more, or an end; nil while nobody waits
}

func newRing(size int) (*ring, error) {
	var buf []byte
	var err error
	briefly(func() {
		buf, err = syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	})
	if err != nil {
		return nil, err
	}
	return &ring{buf: buf}, nil
}

func (l *ring) write(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(len(l.buf))
	if size == 0 {
		return
	}
	if skip := int64(len(p)) - size; skip > 0 {
		l.total += skip
		p = p[skip:]
	}
	for len(p) > 0 {
		n := copy(l.buf[l.total%size:], p)
		l.total += int64(n)
		p = p[n:]
	}
	l.wake()
}

func (l *ring) end() {
	l.mu.Lock()
	l.ended = true
	l.wake()
	l.mu.Unlock()
}

// free gives the memory back. Who is still reading finds the end.
func (l *ring) free() {
	l.mu.Lock()
	buf := l.buf
	l.buf, l.ended = nil, true
	l.wake()
	l.mu.Unlock()
	if buf != nil {
		briefly(func() { _ = syscall.Munmap(buf) })
	}
}

// wake is called with the lock held.
func (l *ring) wake() {
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
}

func (l *ring) written() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// read copies what there is from a position on, or from the oldest byte that is still there, and says where that was. When it
// has copied nothing, more tells when to look again, and a nil more that nothing will come.
func (l *ring) read(from int64, into []byte) (at int64, n int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(len(l.buf))
	if oldest := l.total - size; from < oldest {
		from = oldest
	}
	if left := l.total - from; int64(len(into)) > left {
		into = into[:left]
	}
	for n < len(into) {
		n += copy(into[n:], l.buf[(from+int64(n))%size:])
	}
	if n > 0 || l.ended {
		return from, n, nil
	}
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return from, 0, l.more
}
