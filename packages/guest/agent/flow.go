package main

import (
	"sync"
)

// credit is what the host still takes of a channel from here.
type credit struct {
	mu     sync.Mutex
	more   sync.Cond
	n      int64
	closed bool
}

func newCredit(window int) *credit {
	c := &credit{n: int64(window)}
	c.more.L = &c.mu
	return c
}

// take waits until the host takes something and reserves up to max of it. 0: the host wants no more.
func (c *credit) take(max int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n <= 0 && !c.closed {
		c.more.Wait()
	}
	if c.closed {
		return 0
	}
	if int64(max) > c.n {
		max = int(c.n)
	}
	c.n -= int64(max)
	return max
}

// add grants more: from the host, or what was reserved and not used. False if the host grants beyond reason.
func (c *credit) add(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += int64(n)
	c.more.Signal()
	return c.n < 1<<40
}

func (c *credit) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.more.Broadcast()
}

func (c *credit) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// inbox holds what has arrived on a channel from the host and has not been consumed: at most a window.
type inbox struct {
	mu      sync.Mutex
	more    sync.Cond
	pending []byte
	spare   []byte
	room    int // what the host may still send
	owed    int // consumed, and not yet granted again
	window  int
	ended   bool // the host sends no more
	closed  bool // we want no more
	grant   func(n int)
}

func newInbox(window int, grant func(n int)) *inbox {
	b := &inbox{room: window, window: window, grant: grant}
	b.more.L = &b.mu
	return b
}

// deliver queues a piece. False: the host has sent more than it was granted.
func (b *inbox) deliver(piece []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(piece) > b.room || b.ended {
		return false
	}
	b.room -= len(piece)
	if b.closed {
		return true
	}
	b.pending = append(b.pending, piece...)
	b.more.Signal()
	return true
}

func (b *inbox) end() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	b.more.Broadcast()
}

// close drops what is queued and what may still arrive.
func (b *inbox) close() {
	b.mu.Lock()
	b.closed = true
	b.pending, b.spare = nil, nil
	b.mu.Unlock()
	b.more.Broadcast()
}

// next waits for bytes and takes all there are; nil at the end. They are valid until the next call.
func (b *inbox) next() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.pending) == 0 && !b.ended && !b.closed {
		b.more.Wait()
	}
	if b.closed || len(b.pending) == 0 {
		return nil
	}
	taken := b.pending
	b.pending = b.spare[:0]
	b.spare = taken
	return taken
}

// consumed grants the host n bytes more, in portions of half a window.
func (b *inbox) consumed(n int) {
	b.mu.Lock()
	b.owed += n
	portion := 0
	if b.owed >= b.window/2 && !b.ended && !b.closed {
		portion = b.owed
		b.owed = 0
		b.room += portion
	}
	b.mu.Unlock()
	if portion > 0 {
		b.grant(portion)
	}
}

// isClosed says if nobody wants the channel any more, which is also how a cancelled writer learns of it.
func (b *inbox) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// buffers are what data travels in, with room for the header in front.
var (
	smallBuffers = sync.Pool{New: func() interface{} { b := make([]byte, headerSize+smallData); return &b }}
	largeBuffers = sync.Pool{New: func() interface{} { b := make([]byte, headerSize+maxPayload); return &b }}
)

const smallData = 64 << 10

func takeBuffer(n int) *[]byte {
	if n <= smallData {
		return smallBuffers.Get().(*[]byte)
	}
	return largeBuffers.Get().(*[]byte)
}

func giveBuffer(b *[]byte) {
	if len(*b) == headerSize+smallData {
		smallBuffers.Put(b)
		return
	}
	largeBuffers.Put(b)
}
